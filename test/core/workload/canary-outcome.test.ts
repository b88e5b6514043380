import { expect } from 'chai';
import {
  canariesOf,
  judgeCanaries,
  NO_POD,
  readCanary,
  unansweredCanary,
  type Canary,
  type CanaryOutcome,
} from '../../../src/core/workload/index.ts';
import type { CanaryAnswer } from '../../../src/core/workload/canary-outcome.ts';

const CUSTOM = { group: 'example.com', version: 'v1', kind: 'App', plural: 'apps', podSpec: 'spec.pod' };
const POD = { namespace: 'shop', name: 'web', ephemeralContainers: [] };
const CANARIES = canariesOf({ namespace: 'default', hex: '0'.repeat(64), custom: [CUSTOM], pod: POD });
const byId = (id: string): Canary => CANARIES.find((one) => one.id === id)!;

const no = (status: number, message: string): CanaryAnswer => ({
  ok: false,
  status,
  reason: 'Word',
  message,
});
const refusal = (field: string, policy = 'pratique-self-test') =>
  no(
    403,
    `admission webhook "images.pratique.dev" denied the request: 1 of 1 images refused: canary (Quarantined)\n canary (${field}): self-test: Quarantined: every image; use another [policy ${policy}]`,
  );
const stored = ({ write }: Canary): CanaryAnswer => ({
  ok: true,
  object: write.how === 'create' ? write.object : write.patch,
});

describe('the answer to a canary', () => {
  const rows: readonly [string, string, (canary: Canary) => CanaryAnswer, CanaryOutcome['outcome']][] = [
    [
      'proves it when our policy refuses its field',
      'Pod containers',
      ({ field }) => refusal(field),
      'proven',
    ],
    ['proves it for a volume', 'Job volumes', ({ field }) => refusal(field), 'proven'],
    ['is not enforced when it was admitted', 'Deployment containers', stored, 'not enforced'],
    ['is not enforced when a volume was admitted', 'Job volumes', stored, 'not enforced'],
    [
      'is not enforced when only its other container was refused',
      'Pod initContainers',
      () => refusal('spec.containers[0].image'),
      'not enforced',
    ],
    [
      'proves nothing when another policy refuses',
      'Pod containers',
      ({ field }) => refusal(field, 'production'),
      'cannot tell',
    ],
    [
      'proves nothing when another webhook repeats our message',
      'Pod containers',
      ({ field }) =>
        no(
          403,
          `admission webhook "other.example.com" denied the request: (${field}) [policy pratique-self-test]`,
        ),
      'cannot tell',
    ],
    [
      'proves nothing when our webhook refuses with another status',
      'Pod containers',
      ({ field }) => ({ ...refusal(field), status: 504 }) as CanaryAnswer,
      'cannot tell',
    ],
    [
      'proves nothing without the right to create',
      'Pod containers',
      () => no(403, 'pods is forbidden: User "eve"'),
      'cannot tell',
    ],
    [
      'proves nothing without the namespace',
      'Pod containers',
      () => no(404, 'namespaces "default" not found'),
      'cannot tell',
    ],
    [
      'proves nothing when the quota is used up',
      'Pod containers',
      () => no(403, 'exceeded quota'),
      'cannot tell',
    ],
    [
      'proves nothing when a kind of Kubernetes is invalid',
      'Job containers',
      () => no(422, 'is invalid'),
      'cannot tell',
    ],
    [
      'proves nothing when the image was taken out',
      'Pod containers',
      () => ({ ok: true, object: {} }),
      'cannot tell',
    ],
    [
      'does not apply when the volume was dropped',
      'Job volumes',
      () => ({ ok: true, object: {} }),
      'not applicable',
    ],
    [
      'does not apply to a custom kind that demands more',
      'App containers',
      () => no(422, 'spec.size: Required'),
      'not applicable',
    ],
    [
      'does not apply to a custom kind without a CRD',
      'App containers',
      () => no(404, 'not found'),
      'not applicable',
    ],
    [
      'proves nothing when a custom kind is forbidden',
      'App containers',
      () => no(403, 'forbidden'),
      'cannot tell',
    ],
    [
      'does not apply when the pod was deleted',
      'Pod ephemeralContainers',
      () => no(404, 'pods "web" not found'),
      'not applicable',
    ],
    ['proves ephemeral containers', 'Pod ephemeralContainers', ({ field }) => refusal(field), 'proven'],
  ];
  for (const [sentence, id, answer, outcome] of rows) {
    it(`${sentence} (${id})`, () => {
      const read = readCanary(byId(id), answer(byId(id)));
      expect(read).to.include({ id, outcome });
      expect(read.detail === '').to.equal(outcome === 'proven');
    });
  }

  it('quotes a foreign message on one line of bounded length', () => {
    const { detail } = readCanary(byId('Pod containers'), no(403, `exceeded quota\n${'x'.repeat(10_000)}`));
    expect(detail).to.include('exceeded quota xxx');
    expect(detail.length).to.be.below(400);
    expect(unansweredCanary({ id: 'a' }, 'the wire broke')).to.include({
      outcome: 'cannot tell',
      detail: 'the wire broke',
    });
  });
});

describe('the verdict on all canaries', () => {
  const outcome = (id: string, what: CanaryOutcome['outcome']): CanaryOutcome => ({
    id,
    outcome: what,
    detail: '',
  });
  const [yes, open, unreadable, none] = [
    outcome('a', 'proven'),
    outcome('b', 'not enforced'),
    outcome('c', 'cannot tell'),
    outcome('d', 'not applicable'),
  ];
  const rows: readonly [string, readonly CanaryOutcome[], string][] = [
    ['is proven when all are', [yes, yes], 'proven'],
    ['is proven beside what does not apply', [yes, none, NO_POD], 'proven'],
    ['is not enforced for one canary that was admitted', [yes, unreadable, open], 'not enforced'],
    ['is unknown for one canary without a clear answer', [yes, unreadable], 'cannot tell'],
    ['is unknown when no canary applies', [none], 'cannot tell'],
    ['is unknown without canaries', [], 'cannot tell'],
  ];
  for (const [sentence, outcomes, state] of rows) {
    it(sentence, () => expect(judgeCanaries(outcomes).state).to.equal(state));
  }

  it('uses the template to find out whether the API server keeps image volumes', () => {
    const pod = outcome('Pod volumes', 'not enforced');
    const dropped = judgeCanaries([yes, pod, outcome('Job volumes', 'not applicable')]);
    expect(dropped.state).to.equal('proven');
    expect(dropped.canaries[1]?.outcome).to.equal('not applicable');
    expect(judgeCanaries([yes, pod, outcome('Job volumes', 'proven')]).state).to.equal('not enforced');
  });
});
