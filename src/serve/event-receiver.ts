import {
  createTrigger,
  eventRoutes,
  watchersBySource,
  type PushedImage,
  type Receiver,
  type WatchedSources,
} from '../controllers/events/index.ts';
import { watchCollection, type KubeObject } from '../clients/kubernetes/index.ts';
import { createTokenVerifier } from '../clients/oidc/index.ts';
import type { Route } from '../clients/http-server/index.ts';
import { nameOf, parseReference, textOf, objectOf, errorFields } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { PUSHED_AT } from '../controllers/promotions/index.ts';
import type { Parts } from './parts.ts';
import { RESOURCES } from '../core/workload/index.ts';
import { clock } from './process-context.ts';
import { TIME } from './time.ts';
import { readText } from '../clients/files/index.ts';

/** What hears of pushes, in every replica: nobody knows which of them a sender reaches. */
export interface EventReceiver {
  /** None where nobody may send. */
  readonly routes: readonly Route[];
  readonly close: () => Promise<void>;
}

/** Opens what hears of pushes. The leader is told by an annotation of the promotions that take from there. */
export function openEventReceiver(parts: Parts): EventReceiver {
  const { receivers, quietMs, maxDelayMs } = parts.settings.events;
  if (receivers.length === 0 || !parts.settings.promotions.enabled)
    return { routes: [], close: () => Promise.resolve() };
  const { cluster, log, telemetry } = parts;
  const secrets = followSecretFiles(receivers.flatMap(secretFileOf), (problem) => {
    log.warn(problem, 'a secret of events cannot be read, its sender is refused');
  });
  let find: ((image: PushedImage) => readonly string[]) | undefined;
  const promotions = watchCollection({
    cluster,
    collection: { resource: RESOURCES.promotions },
    select: watchingOf,
    onChange: () => {
      find = undefined;
    },
    onError: (error) => {
      const what = 'image promotions';
      log.warn({ what, ...errorFields(error) }, 'reading from the API server failed, it is tried again');
    },
  });
  const trigger = createTrigger({
    matches: (image) => {
      find ??= watchersBySource(promotions.values());
      return find(image);
    },
    wake: (key) => {
      wake(parts, key).catch((error: unknown) => {
        log.warn({ promotion: key, ...errorFields(error) }, 'a promotion could not be triggered by a push');
      });
    },
    quietMs,
    maxDelayMs,
    ...TIME,
  });
  const routes = eventRoutes({
    receivers: receivers.map((receiver) => receiverOf(receiver, secrets)),
    verifyToken: createTokenVerifier({ clock }),
    onPushed: trigger.pushed,
    onAnswered: telemetry.onEvent,
  });
  return {
    routes,
    close: async () => {
      trigger.close();
      secrets.close();
      await promotions.close();
    },
  };
}

type ReceiverSettings = Settings['events']['receivers'][number];

function secretFileOf({ auth }: ReceiverSettings): readonly string[] {
  return auth.kind === 'oidc' ? [] : [auth.secretFile];
}

function receiverOf({ auth, name, sender, registry }: ReceiverSettings, secrets: SecretFiles): Receiver {
  const known = { name, sender, ...(registry !== undefined && { registry }) };
  if (auth.kind === 'oidc') return { ...known, auth };
  const { secretFile, ...rest } = auth;
  return { ...known, auth: { ...rest, secret: () => secrets.text(secretFile) } };
}

/** Who takes from where; a repository that is none is nowhere. */
function watchingOf({ metadata: { namespace = '', name }, spec }: KubeObject): WatchedSources {
  const read = parseReference(textOf(objectOf(objectOf(spec).source).repository));
  return { key: `${namespace}/${name}`, sources: read.ok ? [nameOf(read.value)] : [] };
}

async function wake({ cluster }: Parts, key: string): Promise<void> {
  const [namespace = '', name = ''] = key.split('/');
  const change = { metadata: { annotations: { [PUSHED_AT]: clock().toISOString() } } };
  const written = await cluster.patch({ resource: RESOURCES.promotions, namespace, name }, change);
  // Deleted meanwhile: there is nobody to wake.
  if (!written.ok && written.status !== 404) throw new Error(written.message);
}

/** Texts of files, as they were at the last look. */
interface SecretFiles {
  /** `undefined` = it could not be read, or was not yet. */
  readonly text: (path: string) => string | undefined;
  readonly close: () => void;
}

/** Milliseconds between two looks: kubelets take a minute to write a Secret that changed. */
const LOOK_MS = 10_000;

/** Follows files with secrets, each of a line; the line break at the end is no part of it. */
function followSecretFiles(
  paths: readonly string[],
  onError: (problem: { readonly path: string; readonly message: string }) => void,
): SecretFiles {
  const texts = new Map<string, string>();
  const look = async (): Promise<void> => {
    for (const path of new Set(paths)) {
      const read = await readText(path);
      if (read.ok) texts.set(path, read.value.replace(/\r?\n$/, ''));
      else {
        texts.delete(path);
        read.problems.forEach(onError);
      }
    }
  };
  void look();
  const timer = setInterval(() => void look(), LOOK_MS);
  return {
    text: (path) => texts.get(path),
    close: () => {
      clearInterval(timer);
    },
  };
}
