import { entriesOf } from '../../../src/core/promotion/index.ts';
import { isObject, listOf, objectOf, textOf } from '../../../src/core/model/index.ts';
import {
  changedImages,
  extractImages,
  KUBERNETES_WORKLOADS,
  pullSecretsOf,
  replicasOf,
  scaleReplicas,
} from '../../../src/core/workload/index.ts';
import { podSelector, runningImage } from '../../../src/controllers/audit/running-pods.ts';
import type { KubeObject } from '../../../src/clients/kubernetes/index.ts';
import { review } from '../../../src/webhook/index.ts';
import { mutate } from '../../../src/webhook/mutate.ts';
import { decodeLargeReview, decodeReview } from '../../../src/webhook/decode.ts';
import { scopeOf } from '../../../src/webhook/scope.ts';
import { applyPatch, type Step } from '../../webhook/json-patch.ts';
import { mutationPorts } from '../../webhook/mutations.ts';
import { testPorts } from '../../webhook/ports.ts';
import { demand, onJson, textIn, type Target } from '../engine/target.ts';

/** Where images stand in a pod spec, found by hand. */
function imagesIn(spec: unknown): readonly string[] {
  const { containers, initContainers, ephemeralContainers, volumes } = objectOf(spec);
  const lists = [containers, initContainers, ephemeralContainers].flatMap(listOf);
  const ofVolumes = listOf(volumes).map((volume) => objectOf(objectOf(volume).image).reference);
  const all = [...lists.map((one) => objectOf(one).image), ...ofVolumes];
  return all.filter((one): one is string => typeof one === 'string' && one.trim() !== '');
}

function podSpecIn(object: unknown, kind: unknown): unknown {
  const { group, kind: name } = objectOf(kind);
  const workload = KUBERNETES_WORKLOADS.get(`${textOf(group)}/${textOf(name)}`);
  return workload?.podSpecs[0]?.reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), object);
}

const admission: Target = {
  name: 'admission-review',
  form: 'json',
  check: async (input) => {
    const ports = testPorts();
    const { answer, status, verdict } = await review({ body: input, budgetMs: 60_000 }, ports);
    demand(ports.reported.length === 0, 'no review is a bug');
    const { response } = answer;
    const { request } = objectOf(parseOr(input));
    const { uid, object, kind, operation, subResource } = objectOf(request);
    if (status === 200) demand(response.uid === uid, 'the answer is to this request');
    const words = [response.status?.message ?? '', ...(response.warnings ?? [])];
    demand(
      words.every((text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)),
      'messages have no control characters',
    );
    if (!response.allowed) return `refused ${verdict}`;
    if (operation === 'CREATE' && textOf(subResource) === '')
      demand(
        ports.judged.length >= imagesIn(podSpecIn(object, kind)).length,
        'every image that is found by hand is judged',
      );
    return `allowed ${verdict} ${String(Math.min(ports.judged.length, 3))}`;
  },
};

function parseOr(input: Uint8Array): unknown {
  try {
    return JSON.parse(textIn(input)) as unknown;
  } catch {
    return undefined;
  }
}

/** A copy without what a patch may change: images, and the record of what they were. No recursion: inputs are nested deep. */
function withoutImages(value: unknown): unknown {
  const root: unknown = JSON.parse(JSON.stringify(value ?? null));
  const open = [root];
  for (let holder = open.pop(); holder !== undefined; holder = open.pop()) {
    if (typeof holder !== 'object' || holder === null) continue;
    for (const [key, one] of Object.entries(holder)) {
      const mayChange =
        !Array.isArray(holder) && ['image', 'reference'].includes(key) && typeof one === 'string';
      if (mayChange || key === RECORD) Reflect.deleteProperty(holder, key);
      else open.push(one);
    }
  }
  return root;
}

const RECORD = 'pratique.dev/original-images';

/** Without annotations that hold nothing: there the record was put, and no other. */
function written(value: unknown): string {
  return JSON.stringify(withoutImages(value))
    .replace(/,?"annotations":(?:\{\}|null)/g, '')
    .replaceAll('{,', '{');
}

const pins: Target = {
  name: 'pins',
  form: 'json',
  check: async (input) => {
    const labels: string[] = [];
    for (const objects of ['All', 'Pods'] as const) {
      const ports = mutationPorts({ objects });
      const { answer, status } = await mutate({ body: input, budgetMs: 60_000 }, ports);
      demand(ports.reported.length === 0, 'no review is a bug');
      const { allowed, patch } = answer.response;
      demand(allowed || status === 400, 'nothing is refused here');
      if (patch === undefined) {
        labels.push(`as it is ${String(status)}`);
        continue;
      }
      const steps = JSON.parse(Buffer.from(patch, 'base64').toString()) as readonly Step[];
      const { object } = objectOf(objectOf(parseOr(input)).request);
      const patched = applyPatch(object, steps);
      demand(written(patched) === written(object), 'a patch changes images and the record of them only');
      labels.push(`pinned ${String(Math.min(steps.length, 4))}`);
    }
    return labels.join(', ');
  },
};

const selectPod = podSelector();

const objects: Target = {
  name: 'kubernetes-objects',
  form: 'json',
  check: onJson((value) => {
    const labels = ['Pod', 'Deployment', 'CronJob', 'PodTemplate'].map((kind) => {
      const about = { kind, group: { Deployment: 'apps', CronJob: 'batch' }[kind] ?? '' };
      const images = extractImages(value, about);
      pullSecretsOf(value, about);
      replicasOf(value, about);
      if (!images.ok) return images.problems.every(({ path }) => path !== '') ? 'unreadable' : 'no object';
      demand(changedImages(images.value, images.value).length === 0, 'nothing has changed against itself');
      return String(Math.min(images.value.length, 3));
    });
    scaleReplicas(value);
    entriesOf(value, 'Secret');
    entriesOf(value, 'ConfigMap');
    // The API server has proven names; the rest is as its author wrote it.
    const pod = selectPod({ ...objectOf(value), metadata: { name: 'web' } } as KubeObject);
    const states = (pod?.runs.containers ?? []).map((one) => runningImage(one).state);
    return `${labels.join(' ')} ${[...new Set(states)].join(' ')}`;
  }),
};

const largeReviews: Target = {
  name: 'large-reviews',
  form: 'json',
  check: (input) => {
    const workloads = KUBERNETES_WORKLOADS;
    const [whole, large] = [decodeReview(input), decodeLargeReview({ body: input, workloads })];
    if (!large.ok) return `refused ${String(whole.ok)}`;
    demand(whole.ok, 'a large review is read by the same rules');
    const scopes = [whole, large].map((read) => (read.ok ? scopeOf(read.value, workloads) : read));
    demand(JSON.stringify(scopes[0]) === JSON.stringify(scopes[1]), 'a large review brings the same images');
    return scopes[0]?.ok ? 'read' : 'unreadable';
  },
};

export const WORKLOADS: readonly Target[] = [admission, pins, objects, largeReviews];
