import { expect } from 'chai';
import {
  digestOf,
  type JudgedFinding,
  type JudgedImage,
  type NamedImage,
} from '../../src/core/model/index.ts';
import { review } from '../../src/webhook/index.ts';
import { podReview } from '../support/reviews.ts';
import { responseIn } from './answers.ts';
import { judgedImage, refused, testPorts } from './ports.ts';

const IMAGE = 'registry.example.com/shop/web:1.4.0';

/** The response about a pod whose images, in order, have these findings. */
async function responseAbout(
  findings: readonly (readonly JudgedFinding[])[],
  judgeOne: (image: NamedImage, its: readonly JudgedFinding[]) => JudgedImage = judgedImage,
) {
  const asked = podReview(findings.map(() => IMAGE));
  const ports = testPorts({
    judge: async ({ images }) => images.map((image, index) => judgeOne(image, findings[index] ?? [])),
  });
  const { answer } = await review({ body: Buffer.from(JSON.stringify(asked)), budgetMs: 5_000 }, ports);
  return responseIn(answer, asked.request.uid);
}

interface LoggedDecision {
  readonly field: string;
  readonly verdict: string;
  readonly digest?: string;
  readonly findings: readonly unknown[];
}

describe('the admission response', () => {
  it('M22: is judged for the namespace of the request', async () => {
    const asked = podReview([IMAGE]);
    const owners: unknown[] = [];
    const ports = testPorts({
      judge: async ({ images, owner }) => {
        owners.push(owner);
        return images.map((image) => judgedImage(image, []));
      },
    });
    await review({ body: Buffer.from(JSON.stringify(asked)), budgetMs: 5_000 }, ports);
    expect(owners).to.deep.equal([{ namespace: asked.request.namespace }]);
  });

  it('has the number of refused images, their names and reasons in its first line', async () => {
    const { status } = await responseAbout([[refused()], [], [refused({ reason: 'PastEndOfLife' })]]);
    const [first] = status?.message.split('\n') ?? [];
    expect(first).to.equal('2 of 3 images refused: web (Unsigned), web-2 (PastEndOfLife)');
  });

  it('has one line per finding of every failing image, with field, reason, policy and next step', async () => {
    const { status } = await responseAbout([
      [
        refused(),
        refused({ reason: 'Quarantined', policy: 'platform', found: 'flagged', next: 'release it' }),
      ],
      [],
      [refused({ kind: 'unknown', reason: 'RegistryUnavailable', transient: true })],
    ]);
    const lines = status?.message.split('\n').slice(1) ?? [];
    expect(lines).to.have.length(3);
    expect(lines[0]).to.match(
      /^ web \(spec\.containers\[0\]\.image\): .*: Unsigned: .*; sign it \[policy production\]$/,
    );
    expect(lines[1]).to.match(/Quarantined: flagged; release it \[policy platform\]$/);
    expect(lines[2]).to.match(/^ web-2 .*\(temporary, try again\)$/);
  });

  it('does not allow the name of a container to forge a line', async () => {
    const { status } = await responseAbout([[refused()]], (image, its) =>
      judgedImage({ ...image, container: 'web\n all images allowed' }, its),
    );
    expect(status?.message.split('\n')).to.have.length(2);
  });

  it('has warnings for findings of Warn, each at most 256 characters', async () => {
    const { allowed, warnings, auditAnnotations } = await responseAbout([
      [refused({ effect: 'warn' })],
      [refused({ effect: 'warn', found: 'x'.repeat(1_000) })],
    ]);
    expect(allowed).to.equal(true);
    expect(warnings).to.have.length(2);
    expect(warnings?.[0]).to.include('Unsigned');
    expect(warnings?.[1]).to.have.length(256);
    expect(auditAnnotations?.verdict).to.equal('warn');
  });

  it('has warnings also for a refused object', async () => {
    const { allowed, warnings } = await responseAbout([[refused()], [refused({ effect: 'warn' })]]);
    expect(allowed).to.equal(false);
    expect(warnings).to.have.length(1);
  });

  it('admits without a warning under Audit, and writes the audit annotation', async () => {
    const { allowed, warnings, auditAnnotations } = await responseAbout([[refused({ effect: 'audit' })]]);
    expect(allowed).to.equal(true);
    expect(warnings).to.equal(undefined);
    expect(auditAnnotations).to.include({ verdict: 'allow', reasons: 'Unsigned' });
    const [reported] = JSON.parse(auditAnnotations?.images ?? '') as readonly LoggedDecision[];
    expect(reported?.findings).to.deep.equal([{ reason: 'Unsigned', effect: 'audit', policy: 'production' }]);
  });

  it('reports the worst verdict of all images, and each reason once', async () => {
    const unknown = refused({ kind: 'unknown', reason: 'RegistryUnavailable' });
    const both = await responseAbout([[unknown], [refused()], [refused()], []]);
    expect(both.auditAnnotations).to.include({ verdict: 'deny', reasons: 'RegistryUnavailable,Unsigned' });
    expect((await responseAbout([[unknown], []])).auditAnnotations?.verdict).to.equal('unknown');
    expect((await responseAbout([[]])).auditAnnotations).to.deep.include({ verdict: 'allow' });
  });

  it('contains the digest that was judged', async () => {
    const digest = digestOf('image');
    const { auditAnnotations } = await responseAbout([[]], (image, its) => ({
      ...judgedImage(image, its),
      reference: { registry: 'registry.example.com', repository: 'shop/web', tag: '1.4.0', digest },
    }));
    const reported = JSON.parse(auditAnnotations?.images ?? '') as readonly LoggedDecision[];
    expect(reported).to.deep.equal([
      { field: 'spec.containers[0].image', image: IMAGE, digest, verdict: 'allow', findings: [] },
    ]);
  });

  it('stays valid JSON when not everything fits, and has the number of omitted images', async () => {
    const { auditAnnotations } = await responseAbout([...Array.from({ length: 500 }, () => []), [refused()]]);
    const text = auditAnnotations?.images ?? '';
    const reported = JSON.parse(text) as readonly LoggedDecision[];
    expect(text.length).to.be.at.most(16_384);
    expect(reported.length + Number(auditAnnotations?.imagesLeftOut)).to.equal(501);
    expect(reported[0]?.verdict, 'images with findings are listed first').to.equal('deny');
  });

  it('has no annotations when no image was judged', async () => {
    expect(await responseAbout([])).to.have.all.keys('uid', 'allowed');
  });
});
