import { expect } from 'chai';
import { digestOf } from '../../src/core/model/index.ts';
import { createBudgets } from '../../src/core/evidence/index.ts';
import { endlessBody } from '../support/registry/misbehave.ts';
import { openJobs } from '../support/threads.ts';
import { pushManifest } from '../support/registry/push.ts';
import { client, closeClients, faultOf, patient, pinned, tagged } from '../clients/registry/client.ts';
import {
  closeRegistries,
  entry,
  OCI_MANIFEST,
  page,
  start,
  target,
} from '../clients/registry/registry-fixture.ts';

const KIB = 1024;
/** As by default. */
const BUDGETS = { bytesInFlight: 32 * 1024 * KIB, namespaceBytesPerMinute: 1024 ** 3 };
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf('{}'), size: 2 };

/** A manifest with so many annotations, and one that is asked for. */
function annotated(count: number): Readonly<Record<string, unknown>> {
  const many = Array.from({ length: count }, (_, n) => [`k${n}`, 'v'.repeat(8)] as const);
  const annotations = { ...Object.fromEntries(many), wanted: 'yes' };
  return { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [], annotations };
}

describe('budgets for what a registry sends', () => {
  const threads = openJobs();
  after(() => threads.close());
  afterEach(async () => {
    await closeClients();
    await closeRegistries();
  });
  let elsewhere = 0;
  const careful = () => {
    elsewhere = 0;
    return client({
      parseElsewhere: (kind, input, weight) => {
        elsewhere += 1;
        return threads.run(kind, input, weight);
      },
    });
  };

  it('M03: a manifest of four MiB of annotations is parsed elsewhere, and only what was asked for is kept', async () => {
    const { registry } = await start();
    await pushManifest({ ...target(registry), tag: 'odd' }, annotated(180_000));
    const manifest = await careful().manifest(tagged(registry, 'odd'), patient(), ['wanted', 'absent']);
    expect(manifest?.annotations).to.deep.equal({ wanted: 'yes' });
    expect(elsewhere).to.equal(1);
  });

  it('M03: a manifest with too many annotations, all of which are asked for, is over a limit', async () => {
    const { registry } = await start();
    await pushManifest({ ...target(registry), tag: 'odd' }, annotated(30_000));
    const error = await faultOf(careful().manifest(tagged(registry, 'odd'), patient()), 'LimitExceeded');
    expect(error.detail).to.include('annotations');
  });

  it('M03: a small manifest is parsed here', async () => {
    const { registry } = await start();
    await careful().manifest(tagged(registry), patient());
    expect(elsewhere).to.equal(0);
  });

  it('M03: all pages of a listing share one budget of bytes', async () => {
    const { registry, image } = await start();
    const padding = 'x'.repeat(900 * KIB);
    let pages = 0;
    registry.intercept(({ url }) => {
      if (!url.pathname.includes('/referrers/')) return undefined;
      pages += 1;
      const link = `<${url.pathname}?page=${pages}>; rel="next"`;
      return page([{ ...entry(pages), annotations: { padding } }], { link });
    });
    const asked = careful().referrers(pinned(registry, image.digest), patient(), []);
    await faultOf(asked, 'LimitExceeded');
    expect(pages).to.equal(5);
  });

  it('M03: a listing keeps the annotations that are asked for, and reports that there are others', async () => {
    const { registry, image } = await start();
    const annotations = { wanted: 'yes', other: 'x'.repeat(100 * KIB) };
    registry.intercept(({ url }) =>
      url.pathname.includes('/referrers/') ? page([{ ...entry(1), annotations }]) : undefined,
    );
    const [first] = await careful().referrers(pinned(registry, image.digest), patient(), ['wanted']);
    expect(first).to.deep.include({ annotations: { wanted: 'yes' }, otherAnnotations: true });
    expect(elsewhere).to.equal(1);
  });

  it('M05: bodies without end that arrive at the same time do not wait for each other', async () => {
    const { registry } = await start();
    registry.intercept(endlessBody('/manifests/'));
    const { budget } = createBudgets(BUDGETS, () => new Date());
    const reader = client({ budget });
    const all = Array.from({ length: 8 }, () =>
      faultOf(reader.manifest(tagged(registry), AbortSignal.timeout(10_000)), 'LimitExceeded'),
    );
    for (const { transient } of await Promise.all(all)) expect(transient).to.equal(false);
    expect(budget.held()).to.equal(0);
  });

  it('M05: listings of many large pages do not wait for each other', async () => {
    const { registry, image } = await start();
    const annotations = { padding: 'x'.repeat(900 * KIB) };
    registry.intercept(({ url }) => {
      const number = Number(url.searchParams.get('page') ?? 0);
      const link = `<${url.pathname}?page=${number + 1}>; rel="next"`;
      return page([{ ...entry(number), annotations }], number === 3 ? {} : { link });
    });
    const { budget } = createBudgets(BUDGETS, () => new Date());
    const reader = client({ budget });
    let most = 0;
    const listings = Array.from({ length: 6 }, async () => {
      const listed = await reader.referrers(pinned(registry, image.digest), AbortSignal.timeout(20_000), []);
      most = Math.max(most, budget.held());
      return listed.length;
    });
    expect(new Set(await Promise.all(listings))).to.deep.equal(new Set([4]));
    expect(most).to.be.at.most(12 * 1024 * KIB);
    expect(budget.held()).to.equal(0);
  });

  it('M03: a thread that has no memory left makes a Fault with the reason', async () => {
    const { registry } = await start();
    await pushManifest({ ...target(registry), tag: 'odd' }, annotated(10_000));
    const parseElsewhere = () => Promise.resolve({ ok: false, failure: 'exhausted' } as const);
    const error = await faultOf(
      client({ parseElsewhere }).manifest(tagged(registry, 'odd'), patient()),
      'LimitExceeded',
    );
    expect(error.transient).to.equal(false);
  });
});
