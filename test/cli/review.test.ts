import { expect } from 'chai';
import { responseIn } from '../webhook/answers.ts';
import { podReview } from '../support/reviews.ts';
import { openPolicyFixture, type ImageName, type PolicyFixture } from '../support/policy-fixture.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run } from './run.ts';

describe('pratique review', () => {
  let fixture: PolicyFixture;
  let policies: TemporaryFolder;
  let files: TemporaryFolder;
  before(async () => {
    fixture = await openPolicyFixture();
    policies = await temporaryFolder({ 'production.yaml': fixture.policy({}) });
    files = await temporaryFolder();
  });
  after(async () => {
    await Promise.all([policies.remove(), files.remove()]);
    await fixture.registry.close();
  });

  const review = async (asked: unknown, ...more: readonly string[]) => {
    const file = await files.write('review.json', asked);
    return run(['review', '-f', file, '--policies', policies.path, ...more]);
  };

  const rows: readonly { image: ImageName; code: number; verdict: string }[] = [
    { image: 'good', code: 0, verdict: 'allow' },
    { image: 'ending', code: 0, verdict: 'warn' },
    { image: 'unsigned', code: 1, verdict: 'deny' },
    { image: 'broken', code: 2, verdict: 'unknown' },
  ];
  for (const { image, code, verdict } of rows) {
    it(`exits with ${code} for ${verdict}, and prints only the AdmissionReview as JSON`, async () => {
      const asked = podReview([fixture.image(image)]);
      const ran = await review(asked);
      expect(ran.code).to.equal(code);
      expect(ran.err).to.equal('');
      expect(responseIn(JSON.parse(ran.out), asked.request.uid).auditAnnotations?.verdict).to.equal(verdict);
    });
  }

  it('reads a recorded review without oldObject, object and dryRun', async () => {
    const { request, ...envelope } = podReview([fixture.image('good')]);
    const without = (...names: readonly string[]) => ({
      ...envelope,
      request: Object.fromEntries(Object.entries(request).filter(([name]) => !names.includes(name))),
    });
    expect((await review(without('oldObject'))).code).to.equal(0);
    expect((await review(without('oldObject', 'dryRun', 'resource', 'userInfo'))).code).to.equal(0);
    const update = podReview([fixture.image('unsigned')], { operation: 'UPDATE', oldObject: undefined });
    const changed = await review(update);
    expect(changed.code, 'without the old object no image is called unchanged').to.equal(1);
    const noObject = await review(without('object', 'oldObject'));
    expect(noObject.code, 'a pod that is not there is not admitted').to.equal(1);
    expect(noObject.err).to.equal('');
  });

  it('reads YAML and standard input', async () => {
    const asked = podReview([fixture.image('good')]);
    const ran = await run(['review', '-f', '-', '--policies', policies.path], {
      stdin: `# recorded\n${JSON.stringify(asked, null, 1)}`,
    });
    expect(ran.code).to.equal(0);
  });

  it('exits with 0 for a request that is not judged', async () => {
    expect((await review(podReview(['x'], { operation: 'DELETE' }))).code).to.equal(0);
  });

  it('exits with 1 when the object cannot be read: the webhook would refuse it', async () => {
    expect((await review(podReview([], { object: null }))).code).to.equal(1);
  });

  it('exits with 2 at the timeout', async () => {
    fixture.registry.latency(1_000);
    const ran = await review(podReview([fixture.image('old')]), '--timeout', '50ms');
    fixture.registry.latency(0);
    expect(ran.code).to.equal(2);
    expect(ran.out).to.include('DeadlineExceeded');
  });

  it('exits with 3 for a file that is no review, and prints the refusal', async () => {
    const ran = await review({ hello: 'world' });
    expect(ran.code).to.equal(3);
    expect(responseIn(JSON.parse(ran.out), '').status?.reason).to.equal('InvalidRequest');
  });

  it('exits with 3 for no file or several documents, and reports all problems at once', async () => {
    const none = await run(['review', '--policies', policies.path]);
    expect(none).to.deep.include({
      code: 3,
      out: '',
      err: 'error: --filename: is needed, with one AdmissionReview in it\n',
    });
    const two = await review('{}\n---\n{}\n');
    expect(two.code).to.equal(3);
    expect(two.err).to.match(/review\.json: is needed, with one AdmissionReview in it\n$/);
    const all = await run([
      'review',
      '-f',
      '/nonexistent/a',
      '--policies',
      '/nonexistent/b',
      '--insecure-registry',
      '/',
    ]);
    expect(all.code).to.equal(3);
    expect(all.err.trimEnd().split('\n')).to.have.length(3);
  });

  it('reports its decision in the log only', async () => {
    const asked = podReview([fixture.image('unsigned')]);
    const { log } = await review(asked);
    const line = JSON.parse(log) as Record<string, unknown>;
    expect(line).to.deep.include({
      msg: 'decided',
      uid: asked.request.uid,
      verdict: 'deny',
      reasons: ['Unsigned'],
    });
  });
});
