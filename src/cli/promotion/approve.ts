import { stringify } from 'yaml';
import type { Cluster, KubeObject } from '../../clients/kubernetes/index.ts';
import { digestHex, digestOf, Fault, objectOf, textOf } from '../../core/model/index.ts';
import { API_VERSION } from '../../core/policy/index.ts';
import { parseApproval, type ImagePromotionRunStatus, type RunImage } from '../../core/promotion/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { BadInput, EXIT, must } from '../exit.ts';
import type { AddCommand, ApprovingPorts, Tools } from '../ports.ts';

type ApprovingTools = Required<Pick<Tools, 'openApproving'>>;

interface ApproveOptions {
  readonly namespace: string;
  readonly kubeconfig?: string;
  readonly tag?: string;
  readonly waive?: readonly string[];
  readonly deny?: boolean;
  readonly reason: string;
  readonly until: string;
}

/** Milliseconds for the whole command: two small requests. */
const WITHIN_MS = 30_000;
/** Hex digits in the name of an approval that distinguish the approvals of one run. */
const NAME_DIGITS = 12;

/** `pratique approve`: writes the PromotionApproval for what a run waits for; `kubectl create -f -` says it. */
export const addApprove: AddCommand<ApprovingTools> = (program, { openApproving }, terminal, exit) => {
  program
    .command('approve <run>')
    .description('print a PromotionApproval for an image that an ImagePromotionRun waits with')
    .option('-n, --namespace <name>', 'namespace of the run', 'default')
    .option('--kubeconfig <file>', 'how to reach the API server (default: as kubectl does)')
    .option('--tag <tag>', 'the image; needed where several wait')
    .option('--waive <ids...>', 'findings that are accepted; no others are')
    .option('--deny', 'say no instead')
    .requiredOption('--reason <text>', 'why; it stands in the release statement')
    .requiredOption('--until <date>', 'last day (UTC) or moment it holds, e.g. 2026-12-31')
    .action(async (run: string, options: ApproveOptions) => {
      const { kubeconfig, namespace } = options;
      const ports = must(await openApproving({ kubeconfig }));
      try {
        const signal = AbortSignal.timeout(WITHIN_MS);
        const image = imageOf(await ports.runStatus(namespace, run, signal), run, options);
        const approval = approvalFor(image, { run, approver: await ports.whoAmI(signal), options });
        terminal.out(`${comment(image, options)}${stringify(approval)}`);
        exit(EXIT.ok);
      } finally {
        await ports.close();
      }
    });
};

type Waiting = RunImage & { readonly source: string; readonly gateHash: string };

function isWaiting(image: RunImage): image is Waiting {
  return image.decision === 'AwaitingApproval' && image.source !== undefined && image.gateHash !== undefined;
}

function imageOf(
  status: ImagePromotionRunStatus | undefined,
  run: string,
  { tag, namespace }: ApproveOptions,
): Waiting {
  if (!status) throw bad(run, `there is no such run in namespace ${namespace}`);
  const waiting = (status.images ?? []).filter(isWaiting);
  const [image, another] = waiting.filter((one) => tag === undefined || one.tag === tag);
  const tags = waiting.map((one) => one.tag).join(', ');
  if (!image)
    throw bad(run, tags === '' ? 'no image waits for a person' : `these wait for a person: ${tags}`);
  if (another) throw bad('--tag', `is needed, because several images wait for a person: ${tags}`);
  return image;
}

function approvalFor(
  { source, gateHash }: Waiting,
  given: { readonly run: string; readonly approver: string; readonly options: ApproveOptions },
): object {
  const { run, approver, options } = given;
  const { namespace, waive = [], deny, reason, until } = options;
  const decision = deny ? 'Deny' : 'Approve';
  const about = { runName: run, digest: source, gateHash, approver, decision };
  const spec = { ...about, waive: [...waive], reason, until };
  // One that says something else is another object: approvals are never changed.
  const name = `${run}-${digestHex(digestOf(JSON.stringify(spec))).slice(0, NAME_DIGITS)}`;
  const metadata = { name, namespace };
  const approval = { apiVersion: API_VERSION, kind: 'PromotionApproval', metadata, spec };
  must(parseApproval(approval));
  return approval;
}

/** What the decision is about, for the person who reads the file before they apply it. */
function comment(
  { tag, reason = '', message = '', blocking = [], blockingCut = 0 }: Waiting,
  { waive = [] }: ApproveOptions,
): string {
  const open = blocking.filter((id) => !waive.includes(id));
  const lines = [
    `${tag}: ${reason} ${message}`.trim(),
    ...(open.length > 0 ? [`not waived, and blocking: ${open.join(', ')}`] : []),
    ...(blockingCut > 0 ? [`${blockingCut} more block it that the run does not name; see the report`] : []),
  ];
  return lines.map((line) => `# ${line.replaceAll(/[\s\p{Cc}]+/gu, ' ')}\n`).join('');
}

function bad(path: string, message: string): BadInput {
  return new BadInput([{ path, message }]);
}

const REVIEW = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };

/** What `approve` asks an API server. `statusOf` reads the status of a run. */
export function approvingPorts(
  cluster: Pick<Cluster, 'get' | 'create' | 'close'>,
  statusOf: (run: KubeObject) => ImagePromotionRunStatus | undefined,
): ApprovingPorts {
  return {
    runStatus: async (namespace, name, signal) => {
      const object = await cluster.get({ resource: RESOURCES.promotionRuns, namespace, name }, signal);
      return object && (statusOf(object) ?? {});
    },
    whoAmI: async (signal) => {
      const answer = await cluster.create({ resource: RESOURCES.selfSubjectReviews }, REVIEW, { signal });
      const object = answer.ok ? answer.object : undefined;
      const { username } = objectOf(objectOf(objectOf(object).status).userInfo);
      if (textOf(username) !== '') return textOf(username);
      const operation = 'ask the API server who I am';
      const detail = 'it does not say';
      throw new Fault({ code: 'ClusterDenied', operation, side: 'cluster', transient: false, detail });
    },
    close: () => cluster.close(),
  };
}
