// What must hold under every knob, whatever the answer is.
import { artifactTypesAbout, listTags } from '../registry/listings.ts';
import type { Target } from '../registry/push.ts';
import { isSource, type Knob, type Operation } from './knob.ts';
import { answersOf } from './answers.ts';
import { CONNECTIONS_PER_HOST, type OpenStage } from './stage.ts';

/** What was measured. */
export interface Measured {
  readonly answer: string;
  readonly milliseconds: number;
  readonly requests: number;
  readonly bytes: number;
  readonly connections: number;
}

/** Milliseconds beyond its budget after which an answer is late: a machine with two cores does other things, too. */
const SLACK_MS = 1_500;
/** Requests of one operation: at most forty pages, a hundred signatures, or three attempts that each take up four blobs four times. */
const MAX_REQUESTS = 250;
/** Bytes that one operation reads of a registry: what the limits of manifests, listings and statements leave. */
const MAX_BYTES = 48 * 1024 * 1024;
/** Questions, and as many downloads and uploads as a registry gets at a time. */
const MAX_CONNECTIONS = CONNECTIONS_PER_HOST + 2 * 16;

/** The laws that were violated, each as a sentence. */
export async function violations(
  knob: Knob,
  { answer, milliseconds, requests, bytes, connections }: Measured,
  stage: OpenStage,
): Promise<readonly string[]> {
  const { operation, leaks } = stage;
  const expected = answersOf(knob)[operation] ?? 'nothing';
  const latest = stage.budgetMs[operation] + SLACK_MS;
  return [
    ...(expected.split('|').includes(answer) ? [] : [`answers ${answer}, expected is ${expected}`]),
    ...(milliseconds <= latest ? [] : [`took ${milliseconds} ms, allowed are ${latest}`]),
    ...(requests <= MAX_REQUESTS ? [] : [`sent ${requests} requests, allowed are ${MAX_REQUESTS}`]),
    ...(bytes <= MAX_BYTES ? [] : [`was sent ${bytes} bytes, allowed are ${MAX_BYTES}`]),
    ...(connections <= MAX_CONNECTIONS ? [] : [`had ${connections} connections`]),
    ...leaks.map((leak) => `a credential was sent to another host: ${leak}`),
    ...(operation === 'mirror' || operation === 'promotion' ? await halfVisible(knob, stage) : []),
    ...(/^(?:Mirrored|Promoted)/.test(answer) ? await notThere(knob, stage) : []),
  ];
}

/** What is visible at the target of a mirror or promotion and not whole. */
async function halfVisible(knob: Knob, stage: OpenStage): Promise<readonly string[]> {
  const { operation } = stage;
  if (knob.believed) return [];
  const target = targetOf(knob, operation, stage);
  const tags = (await listTags(target)).filter((tag) => !tag.startsWith('sha256-'));
  const found = await Promise.all(
    tags.map(async (tag) => {
      const missing = await missingBelow(target, tag);
      const { image } = stage;
      const types = operation === 'mirror' ? await artifactTypesAbout(target, image.digest) : [QUARANTINE];
      return [...missing, ...(types.includes(QUARANTINE) ? [] : [`the flag of ${tag}`])];
    }),
  );
  return found.flat().map((what) => `${what} is missing at the target, whose tag is there`);
}

/** What was reported to have arrived and has not. */
async function notThere(knob: Knob, stage: OpenStage): Promise<readonly string[]> {
  const { registry, repository, tag } = targetOf(knob, stage.operation, stage);
  const answer = await fetch(`http://${registry}/v2/${repository}/manifests/${tag}`, { method: 'HEAD' });
  const digest = answer.headers.get('docker-content-digest');
  return digest === stage.image.digest ? [] : [`the tag is ${digest ?? 'nothing'} at the target`];
}

const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';

function targetOf(knob: Knob, operation: Operation, { badPlace, goodPlace }: OpenStage): Target {
  return isSource(knob, operation) ? goodPlace : badPlace;
}

interface Listed {
  readonly digest: string;
}
interface Body {
  readonly manifests?: readonly Listed[];
  readonly layers?: readonly Listed[];
  readonly config?: Listed;
}

/** Manifests and blobs that a tag needs and the registry does not have. */
async function missingBelow(place: Target, name: string): Promise<readonly string[]> {
  const url = `http://${place.registry}/v2/${place.repository}`;
  const answer = await fetch(`${url}/manifests/${name}`);
  if (!answer.ok) return [name];
  const { manifests = [], layers = [], config } = (await answer.json()) as Body;
  const blobs = [...layers, ...(config ? [config] : [])].map(async ({ digest }) => {
    const { ok } = await fetch(`${url}/blobs/${digest}`, { method: 'HEAD' });
    return ok ? [] : [digest];
  });
  const below = manifests.map(({ digest }) => missingBelow(place, digest));
  return (await Promise.all([...blobs, ...below])).flat();
}
