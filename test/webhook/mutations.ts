import { expect } from 'chai';
import { digestOf, formatReference, pin, type Digest } from '../../src/core/model/index.ts';
import { type MutationPorts } from '../../src/webhook/index.ts';
import { mutate } from '../../src/webhook/mutate.ts';
import type { AdmissionAnswer } from '../../src/webhook/answer.ts';
import type { Mutation } from '../../src/webhook/ports.ts';
import { found, policyOf } from '../support/policies.ts';
import type { podReview } from '../support/reviews.ts';
import { responseIn } from './answers.ts';
import { applyPatch, type Step } from './json-patch.ts';

/** The digest that the registry of these tests gives a reference, written in full. */
export function digestFor(reference: string): Digest {
  return digestOf(`of ${reference}`);
}

/** A pod spec with a container `c0`, `c1`… for each image. */
export function containers(...images: readonly string[]) {
  return { containers: images.map((image, index) => ({ name: `c${index}`, image })) };
}

/** A Pod as it is sent. */
export function podOf(spec: object, metadata: object = { name: 'web' }) {
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
}

/** Ports that record their calls. */
interface TestPorts extends MutationPorts {
  readonly asked: readonly unknown[];
  readonly mutations: readonly Mutation[];
  readonly reported: readonly unknown[];
}

/** The parts of {@link MutationPorts} that a test replaces. */
export type Otherwise = Partial<Omit<MutationPorts, 'onMutation' | 'report'>>;

/** Ports of a policy that pins images of registry.example.com, and of a registry that has every image. */
export function mutationPorts(otherwise: Otherwise = {}): TestPorts {
  const asked: unknown[] = [];
  const mutations: Mutation[] = [];
  const reported: unknown[] = [];
  const policy = policyOf({
    match: { images: ['registry.example.com/**'] },
    pinDigests: true,
    require: {},
  });
  const resolve: MutationPorts['resolve'] = async (images) =>
    images.map((image) => found(pin(image, digestFor(formatReference(image)))));
  return {
    objects: 'All',
    policies: () => [policy],
    namespaceLabels: async () => found({}),
    ...otherwise,
    resolve: async (...question) => {
      const [images, credentials] = question;
      asked.push({ images: images.map(formatReference), credentials });
      return (otherwise.resolve ?? resolve)(...question);
    },
    onMutation: (mutation) => mutations.push(mutation),
    report: (error) => reported.push(error),
    asked,
    mutations,
    reported,
  };
}

/** The answer to a review, its patch read as the API server reads it, and the object with the patch applied. */
export async function changed(
  asked: ReturnType<typeof podReview>,
  otherwise: Otherwise = {},
  budgetMs = 5_000,
) {
  const ports = mutationPorts(otherwise);
  const { status, answer } = await mutate({ body: Buffer.from(JSON.stringify(asked)), budgetMs }, ports);
  expect(status).to.equal(200);
  const response = responseIn(answer, asked.request.uid);
  expect(response.allowed, 'nothing is refused here').to.equal(true);
  const steps = stepsIn(response);
  return { response, steps, object: applyPatch(asked.request.object, steps), ports };
}

function stepsIn({ patch, patchType }: AdmissionAnswer['response']): readonly Step[] {
  expect(patchType).to.equal(patch === undefined ? undefined : 'JSONPatch');
  if (patch === undefined) return [];
  const steps = JSON.parse(Buffer.from(patch, 'base64').toString()) as readonly Step[];
  expect(steps, 'a patch does something').not.to.have.length(0);
  return steps;
}
