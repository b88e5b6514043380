import { stringify } from 'yaml';
import type { Cluster, KubeObject } from '../../clients/kubernetes/index.ts';
import { digestHex, digestOf, Fault, objectOf, oneLine, textOf } from '../../core/model/index.ts';
import { API_VERSION } from '../../core/policy/index.ts';
import {
  gatesOf,
  parseApproval,
  parsePromotionRun,
  placesOf,
  rowName,
  type ImagePromotionRunStatus,
  type RunImage,
} from '../../core/promotion/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { BadInput, EXIT, must } from '../exit.ts';
import type { AddCommand, ApprovableRun, ApprovingPorts, Tools } from '../ports.ts';

type ApprovingTools = Required<Pick<Tools, 'openApproving'>>;

interface ApproveOptions {
  readonly namespace: string;
  readonly kubeconfig?: string;
  readonly tag?: string;
  readonly runUid?: string;
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
    .option('--tag <tag>', 'the image, with its repository where there are many; needed where several wait')
    .option('--run-uid <uid>', 'refuse unless the run has this UID: the one that was read before')
    .option('--waive <ids...>', 'findings that are accepted; no others are')
    .option('--deny', 'say no instead')
    .requiredOption('--reason <text>', 'why; it stands in the release statement')
    .requiredOption('--until <date>', 'last day (UTC) or moment it holds, e.g. 2026-12-31')
    .action(async (run: string, options: ApproveOptions) => {
      const { kubeconfig, namespace } = options;
      const ports = must(await openApproving({ kubeconfig }));
      try {
        const signal = AbortSignal.timeout(WITHIN_MS);
        const read = async () => {
          const found = await ports.run(namespace, run, signal);
          return { runUID: found?.uid ?? '', found, image: imageOf(found, run, options) };
        };
        const { runUID, found, image } = await read();
        const approver = await ports.whoAmI(signal);
        const again = await read();
        if (again.runUID !== runUID || again.image.gateHash !== image.gateHash)
          throw bad(run, 'the run changed meanwhile; read it again');
        const approval = approvalFor(image, { run, runUID, approver, options });
        terminal.out(`${comment(image, options)}${asked(found?.asked, image)}${stringify(approval)}`);
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
  found: ApprovableRun | undefined,
  run: string,
  { tag, namespace, runUid }: ApproveOptions,
): Waiting {
  if (!found) throw bad(run, `there is no such run in namespace ${namespace}`);
  if (runUid !== undefined && runUid !== found.uid)
    throw bad('--run-uid', `is not that of the run, which is ${found.uid}: it was begun again`);
  const waiting = (found.status.images ?? []).filter(isWaiting);
  const [image, another] = waiting.filter(
    (one) => tag === undefined || one.tag === tag || rowName(one) === tag,
  );
  const tags = waiting.map(rowName).join(', ');
  if (!image)
    throw bad(run, tags === '' ? 'no image waits for a person' : `these wait for a person: ${tags}`);
  if (another) throw bad('--tag', `is needed, because several images wait for a person: ${tags}`);
  return image;
}

function approvalFor(
  { source, gateHash }: Waiting,
  given: {
    readonly run: string;
    readonly runUID: string;
    readonly approver: string;
    readonly options: ApproveOptions;
  },
): object {
  const { run, runUID, approver, options } = given;
  const { namespace, waive = [], deny, reason, until } = options;
  const decision = deny ? 'Deny' : 'Approve';
  const about = { runName: run, runUID, digest: source, gateHash, approver, decision };
  const spec = { ...about, waive: [...waive], reason, until };
  // One that says something else is another object: approvals are never changed.
  const name = `${run}-${digestHex(digestOf(JSON.stringify(spec))).slice(0, NAME_DIGITS)}`;
  const metadata = { name, namespace };
  const approval = { apiVersion: API_VERSION, kind: 'PromotionApproval', metadata, spec };
  must(parseApproval(approval));
  return approval;
}

/** What the decision is about, for the person who reads the file before they apply it. */
function comment(image: Waiting, { waive = [] }: ApproveOptions): string {
  const { reason = '', message = '', blocking = [], blockingCut = 0 } = image;
  const open = blocking.filter((id) => !waive.includes(id));
  const lines = [
    `${rowName(image)}: ${reason} ${message}`.trim(),
    ...(open.length > 0 ? [`not waived, and blocking: ${open.join(', ')}`] : []),
    ...(blockingCut > 0 ? [`${blockingCut} more block it that the run does not name; see the report`] : []),
  ];
  return commented(lines);
}

/** What the run was asked to do with it: places, digest and gates. */
function asked(spec: ApprovableRun['asked'], { repository, tag, source }: Waiting): string {
  const between = spec && placesOf(spec, { repository });
  if (!spec || !between) return commented(['the promotion in the run cannot be read']);
  const places = [`from ${between.from}:${tag}@${source}`, `to ${between.to}:${tag}`];
  const gates = gatesOf(spec).filter(
    (line) => !/^(?:source|target|mirror|platforms|attachments)\b/.test(line),
  );
  return commented([...places, ...gates]);
}

function commented(lines: readonly string[]): string {
  return lines.map((line) => `# ${oneLine(line)}\n`).join('');
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
    run: async (namespace, name, signal) => {
      const object = await cluster.get({ resource: RESOURCES.promotionRuns, namespace, name }, signal);
      if (!object) return undefined;
      const { uid = '' } = object.metadata;
      const read = parsePromotionRun(object);
      return { uid, status: statusOf(object) ?? {}, asked: read.ok ? read.value.spec.template : undefined };
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
