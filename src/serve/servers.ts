import { setTimeout as sleep } from 'node:timers/promises';
import { readCertificates } from '../clients/files/index.ts';
import {
  operationsPages,
  readinessPage,
  type Route,
  type Server,
  type Tls,
} from '../clients/http-server/index.ts';
import type { Parsed } from '../core/model/index.ts';
import { webhookRoutes } from '../webhook/index.ts';
import { followServing } from '../controllers/certificates/index.ts';
import type { Parts, Replica } from './parts.ts';
import { listen, readTls, urlOf } from './listening.ts';

/** The servers of a replica: probes and metrics at once, the webhooks as soon as they can answer. */
export interface Servers {
  readonly url: () => string;
  /** The Secret with the certificate, or that with the path, may have changed. */
  readonly onSecret: () => void;
  /** Is not ready any more, lingers, answers what is open, and ends. */
  readonly close: () => Promise<void>;
}

/** What the servers are made with. */
export interface ServersOptions extends Parts {
  readonly replica: Replica;
  /** Paths of events. */
  readonly events: readonly Route[];
  /** Further lines of readiness. */
  readonly details: () => readonly string[];
}

/** Milliseconds between two attempts to listen: another process may still have the port. */
const LISTEN_AGAIN_MS = 2_000;

/** Opens the servers. Problems are those of the address for probes and metrics. */
export async function createServers(options: ServersOptions): Promise<Parsed<Servers>> {
  const { settings, namespace, replica, telemetry, log } = options;
  const { caches } = replica.policies;
  const { webhook, operations } = settings;
  const closing = new AbortController();
  let server: Server | undefined;
  let eventServer: Server | undefined;
  let tls: Tls | undefined;

  const missing = (): readonly string[] => [
    ...(closing.signal.aborted ? ['stopping'] : []),
    ...caches.waitingFor().map((what) => `not read yet: ${what}`),
    ...serving.missing(),
    ...(server ? [] : ['the webhook does not listen yet']),
  ];
  const pages = operationsPages(telemetry.metrics, () => readinessPage(missing(), options.details()));
  const { report: onError } = telemetry;
  const probes =
    operations.listen &&
    (await listen(operations.listen, 'operations.listen', { routes: pages, onError, log }));
  if (probes?.ok === false) return probes;

  const { listen: apart } = settings.events;
  const open = async (): Promise<void> => {
    await caches.synced;
    while (tls && !server && !closing.signal.aborted) {
      const opened = await listen(webhook.listen, '--listen', { tls, routes, onError, log });
      if (opened.ok) server = opened.value;
      else {
        log.error({ problems: opened.problems }, 'the webhook cannot listen, it is tried again');
        await sleep(LISTEN_AGAIN_MS, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  };
  const openEvents = async (first: Tls): Promise<void> => {
    if (!apart || options.events.length === 0) return;
    const given = { tls: { ...first, clientCa: undefined }, routes: options.events, onError, log };
    const opened = await listen(apart, 'events.listen', given);
    if (opened.ok) eventServer = opened.value;
    else log.error({ problems: opened.problems }, 'events cannot be listened to');
  };
  const serving = followServing({
    ...{ settings, log, readFiles: () => readTls(webhook) },
    readAuthorities: (file) => readCertificates([file]),
    secretData: (name) => caches.secrets.get(name, namespace)?.data,
    onChange: (next) => {
      const first = tls === undefined;
      tls = next;
      server?.setTls(next);
      eventServer?.setTls(next);
      log.info({}, first ? 'there is a certificate' : 'the certificate was changed');
      // Rejects only when the caches are closed before they were read.
      if (first) void Promise.all([open(), openEvents(next)]).catch(() => undefined);
    },
  });
  const routes = [
    ...webhookRoutes(replica, webhook, serving.admits),
    ...(probes ? [] : pages),
    ...(apart ? [] : options.events),
  ];
  return {
    ok: true,
    value: {
      url: () => urlOf(webhook.listen, server?.port ?? webhook.listen.port),
      onSecret: serving.onSecret,
      close: async () => {
        closing.abort();
        serving.close();
        const { lingerMs } = webhook;
        await Promise.all([server?.close(lingerMs), eventServer?.close(lingerMs)]);
        if (probes?.ok) await probes.value.close();
      },
    },
  };
}
