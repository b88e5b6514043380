import type { Cluster, KubeObject, WatchCollection } from '../../clients/kubernetes/index.ts';
import {
  errorFields,
  nameOf,
  objectOf,
  parseReference,
  textOf,
  type Log,
  type Parsed,
  type Time,
} from '../../core/model/index.ts';
import { compileRoutes, parsePromotion, PUSHED_AT } from '../../core/promotion/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import type { EventOutcome, Receiver, ReceiverSettings, VerifyToken } from './ports.ts';
import type { PushedImage } from './pushed-image.ts';
import { eventRoutes, type EventRoute } from './receive.ts';
import { createTrigger, watchersBySource, type WatchedSources } from './trigger.ts';

/** What events are received with. */
interface EventReceiverOptions extends Time {
  readonly settings: Settings['events'];
  readonly cluster: Pick<Cluster, 'list' | 'watch' | 'patch'>;
  readonly watchCollection: WatchCollection;
  readonly verifyToken: VerifyToken;
  readonly readText: (path: string) => Promise<Parsed<string>>;
  readonly onAnswered: (event: EventOutcome) => void;
  /** Logs that a collection of the API server could not be read. */
  readonly onReadFailure: (what: string, error: unknown) => void;
  readonly log: Log;
}

/** Receives events about pushes, in every replica: a sender may reach any of them. */
interface EventReceiver {
  /** None where the settings name no sender. */
  readonly routes: readonly EventRoute[];
  readonly close: () => Promise<void>;
}

/** Receives events. The leader learns of them by an annotation of the promotions that take from that repository. */
export function openEventReceiver(options: EventReceiverOptions): EventReceiver {
  const { cluster, watchCollection, log, now, after } = options;
  const { receivers, quietMs, maxDelayMs } = options.settings;
  if (receivers.length === 0) return { routes: [], close: () => Promise.resolve() };
  const secretFiles = receivers.flatMap(({ auth }) => (auth.kind === 'oidc' ? [] : [auth.secretFile]));
  const secrets = followSecretFiles(secretFiles, options);
  let find: ((image: PushedImage) => readonly string[]) | undefined;
  const promotions = watchCollection({
    cluster,
    collection: { resource: RESOURCES.promotions },
    select: watchingOf,
    onChange: () => {
      find = undefined;
    },
    onError: (error) => {
      options.onReadFailure('image promotions', error);
    },
  });
  const trigger = createTrigger({
    ...{ quietMs, maxDelayMs, now, after },
    matches: (image) => {
      find ??= watchersBySource(promotions.values());
      return find(image);
    },
    wake: (key) => {
      annotate(options, key).catch((error: unknown) => {
        log.warn({ promotion: key, ...errorFields(error) }, 'a promotion could not be triggered by a push');
      });
    },
  });
  return {
    routes: eventRoutes({
      receivers: receivers.map((receiver) => receiverOf(receiver, secrets.text)),
      verifyToken: options.verifyToken,
      onPushed: trigger.pushed,
      onAnswered: options.onAnswered,
    }),
    close: async () => {
      trigger.close();
      secrets.close();
      await promotions.close();
    },
  };
}

function receiverOf(
  { auth, ...receiver }: ReceiverSettings,
  text: (path: string) => string | undefined,
): Receiver {
  if (auth.kind === 'oidc') return { ...receiver, auth };
  const { secretFile, ...rest } = auth;
  return { ...receiver, auth: { ...rest, secret: () => text(secretFile) } };
}

/** The repositories that a promotion takes from; none where it cannot be read. */
function watchingOf({
  apiVersion,
  kind,
  metadata: { namespace = '', name },
  spec,
}: KubeObject): WatchedSources {
  const key = `${namespace}/${name}`;
  const { repository, repositories } = objectOf(objectOf(spec).source);
  const read = parseReference(textOf(repository));
  if (repositories === undefined) return { key, sources: read.ok ? [nameOf(read.value)] : [] };
  const many = parsePromotion({ apiVersion, kind, metadata: { name }, spec });
  const routes = many.ok ? compileRoutes(many.value.spec) : undefined;
  if (!routes?.ok) return { key, sources: [] };
  const { routeOf } = routes.value;
  return { key, sources: [], covers: (source) => routeOf(source) !== undefined };
}

async function annotate({ cluster, clock }: EventReceiverOptions, key: string): Promise<void> {
  const [namespace = '', name = ''] = key.split('/');
  const change = { metadata: { annotations: { [PUSHED_AT]: clock().toISOString() } } };
  const written = await cluster.patch({ resource: RESOURCES.promotions, namespace, name }, change);
  // 404: the promotion was deleted meanwhile.
  if (!written.ok && written.status !== 404) throw new Error(written.message);
}

/** Milliseconds between two reads: kubelets take a minute to write a Secret that changed. */
const READ_MS = 10_000;

/**
 * Follows files with secrets, each of a line; the line break at the end is no part of it. `text` is `undefined` for one that could
 * not be read, or was not yet.
 */
function followSecretFiles(paths: readonly string[], { readText, log }: EventReceiverOptions) {
  const texts = new Map<string, string>();
  const readAll = async (): Promise<void> => {
    for (const path of new Set(paths)) {
      const read = await readText(path);
      if (read.ok) texts.set(path, read.value.replace(/\r?\n$/, ''));
      else texts.delete(path);
      for (const problem of read.ok ? [] : read.problems)
        log.warn(problem, 'a secret of events cannot be read, its sender is refused');
    }
  };
  void readAll();
  const timer = setInterval(() => void readAll(), READ_MS);
  return {
    text: (path: string) => texts.get(path),
    close: () => {
      clearInterval(timer);
    },
  };
}
