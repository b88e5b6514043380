import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../support/promotions/promotion-path.ts';
import type { Intercept, Reply } from '../support/registry/index.ts';
import { all, amend, answer, refuse } from '../support/registry/misbehave.ts';
import { pushBundleSignature } from '../support/signed-images.ts';
import { signingKey } from '../support/signing.ts';
import { ABSENT_TAGS, LISTINGS, MOUNTS, type ListingRow } from './habit-rows.ts';

const LISTING = '/referrers/';
/** Nothing waits here between two tries. */
const AT_ONCE = { opening: { pause: () => Promise.resolve() } };

/** A registry without the API, with a signed and an unsigned image, and a policy that requires signatures. */
async function opened() {
  const fixture = await openPromotionFixture({ referrersApi: false }, {}, AT_ONCE);
  const path = promotionPath(() => fixture);
  const key = signingKey();
  const place = path.place('quarantine/app');
  const image = await path.push('quarantine/app', '1.0.0');
  await pushBundleSignature(place, image, key);
  await path.push('quarantine/unsigned', '1.0.0');
  const policy = fixture.policy({
    match: { images: ['**'] },
    authorities: [{ name: 'release', key: { pem: key.pem } }],
    require: { signatures: { from: ['release'] } },
  });
  const judge = async (repository: string) =>
    fixture.judge(`${fixture.registry.host}/${repository}:1.0.0`, [policy]);
  return { fixture, path, image, judge };
}

/** Answers listings of these repositories as a row says. */
function listing({ registry }: PromotionFixture, { reply }: ListingRow, where = ''): Intercept {
  const which = new RegExp(`${where}.*${LISTING}`);
  if (typeof reply !== 'string') return answer(which, reply);
  const headers = { 'content-type': 'text/html' };
  const page: Reply = { status: reply.startsWith('busy') ? 429 : 200, headers, body: '<html></html>' };
  const location = `${registry.url}/page/of/the/package`;
  return all(
    answer('/page/', page),
    answer(which, { status: reply.endsWith('303') ? 303 : 302, headers: { location } }),
  );
}

describe('a registry that answers a listing with', () => {
  for (const row of LISTINGS) {
    const { what, unknown, unlessTagged } = row;
    it(`O45 ${what}: ${unknown ?? 'the fallback tag counts'}`, async () => {
      const { fixture, path, judge } = await opened();
      const { registry } = fixture;
      try {
        registry.intercept(listing(fixture, row));
        expect(await judge('quarantine/app'), 'signed').to.deep.equal({ kind: 'allow', reasons: [] });
        expect(await judge('quarantine/unsigned'), 'unsigned').to.deep.equal(
          unknown ? { kind: 'unknown', reasons: [unknown] } : { kind: 'deny', reasons: ['Unsigned'] },
        );
        for (const side of ['quarantine', 'golden']) {
          // What was pushed to a registry without the API has its tag there.
          const why = side === 'golden' && unlessTagged ? undefined : unknown;
          registry.intercept(listing(fixture, row, side));
          const target = { repository: `${registry.host}/golden/${side}` };
          const { results } = await fixture.run({ spec: path.promote({}, { target }) });
          const [{ attachments } = {}] = results;
          expect(decisions({ results }), side).to.deep.equal([
            why ? ['1.0.0', 'Failed', why] : ['1.0.0', 'Promoted'],
          ]);
          if (!why) expect(attachments?.carried).to.equal(1);
          registry.intercept(undefined);
        }
      } finally {
        await fixture.close();
      }
    });
  }

  it('O45 303: nothing is asked of where it leads to', async () => {
    const { fixture, judge } = await opened();
    try {
      const row = { what: '', reply: 'page by 303' } as const;
      fixture.registry.intercept(listing(fixture, row));
      await judge('quarantine/app');
      const paths = fixture.registry.requests.map(({ path }) => path);
      expect(paths.filter((one) => one.startsWith('/page/'))).to.deep.equal([]);
    } finally {
      await fixture.close();
    }
  });
});

/** 403 for every tag that is not there. */
const ABSENT: Intercept = amend(
  ({ url }) => /\/manifests\/(?!sha256:)/.test(url.pathname),
  (reply) => (reply.status === 404 ? { status: 403, headers: {}, body: '' } : reply),
);

describe('a registry that answers for a tag that is not there with', () => {
  for (const { what, list, unknown } of ABSENT_TAGS)
    it(`O46 ${what}: ${unknown ?? 'absent'}`, async () => {
      const { fixture, path, judge } = await opened();
      await path.push('golden/app', '0.9.0');
      try {
        fixture.registry.intercept(list ? all(answer('/tags/list', list), ABSENT) : ABSENT);
        const { kind, reasons } = await judge('quarantine/unsigned');
        expect([kind, ...reasons]).to.deep.equal(unknown ? ['unknown', unknown] : ['deny', 'Unsigned']);
        const explicit = { tags: { explicit: ['1.0.0'] } };
        const outcome = await fixture.run({ spec: path.promote({}, explicit) });
        expect(decisions(outcome)).to.deep.equal([
          unknown ? ['1.0.0', 'Failed', unknown] : ['1.0.0', 'Promoted'],
        ]);
      } finally {
        await fixture.close();
      }
    });
});

describe('a registry that answers a mount with', () => {
  for (const status of MOUNTS)
    it(`O47 ${String(status)}: the blob is uploaded`, async () => {
      const { fixture, path } = await opened();
      try {
        fixture.registry.intercept(refuse('mount=', status));
        const outcome = await fixture.run({ spec: path.promote() });
        expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Promoted']]);
        expect(outcome.results[0]?.blobs.copied).to.be.greaterThan(0);
      } finally {
        await fixture.close();
      }
    });
});
