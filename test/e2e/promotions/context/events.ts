import { expect } from 'chai';
import { githubPackage, harborPush } from '../../../controllers/events/payloads.ts';
import { pushImage } from '../../../support/registry/push.ts';
import { HARBOR_TOKEN, type SentEvents } from '../../support/promotions/senders.ts';
import { until } from '../../support/wait.ts';
import { at, mirror, type Around } from './context.ts';

const BURST = 100;
/** More bytes than a body may have. */
const LARGE = ' '.repeat(1024 * 1024 + 1);
const GITHUB = JSON.stringify(githubPackage('package'));
const HARBOR = JSON.stringify(harborPush());
/** Promotions and their sources, with the names in the events of each sender. */
const SOURCES = {
  github: 'acme/shop/web',
  harbor: 'shop/web',
  ci: 'pushed',
  burst: 'burst',
  quiet: 'quiet',
};

/** Events of each sender, and their results. */
export function describeEvents(around: () => Around): void {
  describe('events', () => {
    const generic = (repository: string) =>
      JSON.stringify({ repository: `${around().open.host}/${repository}` });
    const signed = (body: string, who?: 'github' | 'pipeline' | 'stranger') =>
      around().senders.signature(body, who);
    const withToken = async (claims: object | undefined): Promise<SentEvents> => {
      const { senders } = around();
      const token = await senders.token({ ...claims }, claims ? 'issuer' : 'stranger');
      return { to: 'generic', body: generic('quiet'), headers: senders.bearer(token) };
    };
    const triggers = async (name: string) =>
      (await around().flow.runsOf(name)).map(({ spec }) => spec.trigger).toSorted();

    before(async () => {
      const { flow, open } = around();
      for (const [name, source] of Object.entries(SOURCES)) {
        await pushImage({ registry: open.host, repository: source, tag: '1.0.0' }, { salt: name });
        await flow.apply(mirror(name, at(source, open), at(`quarantine/${name}`, open)));
      }
      for (const name of Object.keys(SOURCES)) await flow.wait(`ipr/${name}`, 'Ready');
    });

    const refused: readonly (readonly [string, string, number, () => SentEvents | Promise<SentEvents>])[] = [
      [
        'a signature by another secret',
        'github: signature wrong',
        401,
        () => ({ to: 'ghcr', body: GITHUB, headers: signed(GITHUB, 'stranger') }),
      ],
      [
        'the signature of another body',
        'github: signature wrong',
        401,
        () => ({ to: 'ghcr', body: GITHUB, headers: signed('{}') }),
      ],
      ['no signature', 'github: signature missing', 401, () => ({ to: 'ghcr', body: GITHUB })],
      [
        'another token',
        'harbor: token wrong',
        401,
        () => ({ to: 'harbor', body: HARBOR, headers: around().senders.bearer(`${HARBOR_TOKEN}x`) }),
      ],
      [
        'an identity token for another audience',
        'ci: token audience',
        401,
        () => withToken({ aud: 'elsewhere' }),
      ],
      [
        'an identity token of another job',
        'ci: token subject',
        401,
        () => withToken({ sub: 'repo:evil/fork' }),
      ],
      [
        'an identity token that has expired',
        'ci: token expired',
        401,
        () => withToken({ exp: 1_000_000_000 }),
      ],
      ['an identity token by a stranger', 'ci: token signature', 401, () => withToken(undefined)],
      [
        'a body that is too large, however well signed',
        'too large',
        413,
        () => ({ to: 'ghcr', body: LARGE, headers: signed(LARGE) }),
      ],
      [
        'what is no event',
        'repository Invalid input',
        400,
        () => ({ to: 'generic', body: '{}', headers: signed('{}', 'pipeline') }),
      ],
    ];
    for (const [what, why, status, reported] of refused)
      it(`are answered with ${String(status)} for ${what}, and the log has the reason`, async () => {
        const { senders, fixture } = around();
        const answer = await senders.report(await reported());
        expect(answer.status, answer.body).to.equal(status);
        // A more exact reason would help an attacker.
        if (status === 401) expect(JSON.parse(answer.body)).to.deep.equal({ error: 'unauthorized' });
        await until({
          what: `"${why}" in the log`,
          withinMs: 10_000,
          check: async () => (await fixture.replicas[0]?.log())?.includes(why) ?? false,
        });
      });

    it('are received on their own port alone, and from known senders only', async () => {
      const { senders, fixture } = around();
      const body = generic('quiet');
      const reported = { to: 'generic', body, headers: signed(body, 'pipeline') } as const;
      const { stdout } = await fixture.cluster.kubectl([
        ...['get', 'service/pratique-webhook', '-n', fixture.installation.namespace],
        ...['-o', 'jsonpath={.spec.ports[0].port}'],
      ]);
      expect((await senders.report(reported, Number(stdout))).status).to.equal(404);
      expect((await senders.report({ ...reported, to: 'quay' })).status).to.equal(404);
    });

    it('trigger the promotions with that source, once for a burst, and no others', async () => {
      const { senders, flow } = around();
      const [pushed, burst] = [generic('pushed'), generic('burst')];
      const reported: readonly SentEvents[] = [
        { to: 'ghcr', body: GITHUB, headers: signed(GITHUB) },
        { to: 'harbor', body: HARBOR, headers: senders.bearer(HARBOR_TOKEN) },
        { to: 'generic', body: pushed, headers: senders.bearer(await senders.token()) },
        ...Array.from({ length: BURST }, (): SentEvents => {
          return { to: 'generic', body: burst, headers: signed(burst, 'pipeline') };
        }),
      ];
      const answers = await Promise.all(reported.map((one) => senders.report(one)));
      expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([202]));
      for (const name of ['github', 'harbor', 'ci', 'burst']) {
        await flow.until(name, 'the run', ({ status }) => status?.counts?.upToDate === 1);
        expect(await triggers(name), name).to.deep.equal(['Change', 'Event']);
      }
      expect(await triggers('quiet')).to.deep.equal(['Change']);
    });
  });
}
