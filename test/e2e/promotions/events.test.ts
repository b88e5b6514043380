import type { EventOutcome } from '../../../src/controllers/events/index.ts';
import {
  createTrigger,
  watchersBySource,
  type WatchedSources,
} from '../../../src/controllers/events/trigger.ts';
import { eventRoutes } from '../../../src/controllers/events/receive.ts';
import type { Trigger } from '../../../src/controllers/events/trigger.ts';
import { expect } from 'chai';
import { startServer, type Server } from '../../../src/clients/http-server/index.ts';
import { pushImage } from '../../support/registry/push.ts';
import { startDistribution, type Registry } from '../support/promotions/registries.ts';
import { until } from '../support/wait.ts';

const TOKEN = 'token-of-this-registry';
/** Longer than the registry takes between two notifications of one push. */
const QUIET_MS = 1_000;
const ARRIVAL_MS = 8_000;

/** A receiver of events over HTTP, and the results of the events. */
interface EventListener {
  readonly server: Server;
  readonly trigger: Trigger;
  readonly watching: WatchedSources[];
  readonly reported: EventOutcome[];
  readonly triggered: string[];
}

async function listen(): Promise<EventListener> {
  const watching: WatchedSources[] = [];
  const reported: EventOutcome[] = [];
  const triggered: string[] = [];
  const trigger = createTrigger({
    wake: (key) => triggered.push(key),
    matches: (image) => watchersBySource(watching)(image),
    quietMs: QUIET_MS,
    maxDelayMs: 30_000,
    now: () => performance.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  });
  const routes = eventRoutes({
    receivers: [{ name: 'registry', sender: 'distribution', auth: { kind: 'bearer', secret: () => TOKEN } }],
    verifyToken: () => Promise.reject(new Error('no sender has an identity token')),
    onPushed: trigger.pushed,
    onAnswered: (event) => reported.push(event),
  });
  const onError = (error: unknown) => {
    throw error;
  };
  const server = await startServer({ host: '127.0.0.1', port: 0, routes, onError });
  return { server, trigger, watching, reported, triggered };
}

const urlOf = ({ server }: EventListener) => `http://127.0.0.1:${String(server.port)}/events/distribution`;

describe('events of a real registry', () => {
  let known: EventListener;
  let unknown: EventListener;
  let registry: Registry;

  before(async () => {
    known = await listen();
    unknown = await listen();
    registry = await startDistribution([
      { name: 'known', url: urlOf(known), headers: { Authorization: [`Bearer ${TOKEN}`] } },
      { name: 'unknown', url: urlOf(unknown), headers: { Authorization: [`Bearer ${TOKEN}x`] } },
    ]);
    for (const { watching } of [known, unknown]) {
      watching.push(
        { key: 'platform/web', sources: [`${registry.host}/shop/web`] },
        { key: 'platform/db', sources: [`${registry.host}/shop/db`] },
      );
    }
  });

  after(async () => {
    await registry.stop();
    for (const { trigger, server } of [known, unknown]) {
      trigger.close();
      await server.close();
    }
  });

  it('trigger the promotion whose source received the images, once for all of them', async () => {
    for (const tag of ['1.4.0', '1.4', '1'])
      await pushImage({ registry: registry.host, repository: 'shop/web', tag }, { salt: tag });
    await until({
      what: 'the notification of each tag, and quiet after it',
      withinMs: ARRIVAL_MS,
      check: async () => {
        const images = known.reported.reduce((sum, { images }) => sum + images, 0);
        return images === 3 && known.trigger.waiting() === 0;
      },
    });
    expect(known.triggered).to.deep.equal(['platform/web']);
    expect(new Set(known.reported.map(({ status }) => status))).to.deep.equal(new Set([202]));
  });

  it('trigger no promotion when the registry shows another token, however often it tries', async () => {
    await until({
      what: 'a second try of the registry',
      withinMs: ARRIVAL_MS,
      check: async () => unknown.reported.length >= 2,
    });
    expect(new Set(unknown.reported.map(({ status }) => status))).to.deep.equal(new Set([401]));
    expect(unknown.trigger.waiting()).to.equal(0);
    expect(unknown.triggered).to.deep.equal([]);
  });
});
