import * as z from 'zod';
import { parseWith, type Parsed } from '../model/index.ts';
import { audit, certificates, cluster, selfTest, workloadKind } from './schema/controller.ts';
import { events } from './schema/events.ts';
import { budgets, credentials, memory, proxy, registries, trust } from './schema/evidence.ts';
import { gate } from './schema/gate.ts';
import { block, dnsName, firstOfItsName, listen, milliseconds, path } from './schema/parts.ts';
import { promotions, scanner, signing } from './schema/promotions.ts';

const webhook = block({
  listen: listen.prefault(':8443'),
  tlsCert: path.optional(),
  tlsKey: path.optional(),
  /** The Secret with the secrets in the paths of the webhooks, which the leader makes and rotates. */
  pathSecret: dnsName.default('pratique-webhook-path'),
  /** Standalone: file whose lines are the secrets in the path; needed to listen anywhere but on loopback. */
  pathSecretFile: path.optional(),
  /** PEM file with the authorities of the certificates that API servers show; absent = none is asked for. */
  clientCA: path.optional(),
  /** Common or alternative names of which a client's certificate has one. None = every certificate by `clientCA`. */
  clientNames: z.array(z.string().min(1).max(253)).max(32).default([]),
  /** 8 MiB: an object has 3 MiB at most at the API server, a review carries two of them and their options. */
  maxBodyBytes: z.int().min(1).default(8_388_608),
  /** How long it keeps serving after it was asked to stop and is no longer ready, until no more requests are sent to it. */
  lingerMs: z.int().min(0).max(60_000).default(0),
  /** Used when the caller names no timeout; the API server always does. Its own default. */
  defaultTimeoutMs: milliseconds.max(30_000).default(10_000),
});

const schema = z.strictObject({
  /** What happens to images that no policy covers. Allow: a new install refuses no image that no policy names. */
  unmatchedImages: z.enum(['Allow', 'Warn', 'Deny']).default('Allow'),
  registries,
  proxy,
  memory,
  budgets,
  trust,
  credentials,
  webhook,
  /** Probes and metrics over plain http. Absent = beside the webhook, on its port. */
  operations: block({ listen: listen.optional() }),
  /** Which objects get digests; Pods: templates stay as their authors wrote them, which GitOps tools compare. */
  pinning: block({ objects: z.enum(['All', 'Pods']).default('All') }),
  /** Custom kinds that hold pod specs or images, besides those of Kubernetes. Of two entries for one kind only one would be used. */
  workloadKinds: z
    .array(workloadKind)
    .max(64)
    .default([])
    .superRefine(firstOfItsName(({ apiGroup, kind }) => `${apiGroup}/${kind}`)),
  /**
   * Images that templates may name in place of one that is filled in before there is a container, letter by letter, such as `auto`
   * of Istio's gateways. They are passed over in templates only: each Pod is judged by the image that it has.
   */
  placeholderImages: z.array(z.string().min(1).max(255)).max(16).default([]),
  cluster,
  certificates,
  audit,
  selfTest,
  promotions,
  events,
  scanner,
  signing,
  /** For `pratique gate`. */
  gate: gate.optional(),
});

/** The whole configuration as a value, with every default filled in. Durations in milliseconds, sizes in bytes. */
export type Settings = z.output<typeof schema>;
/** The configuration as it may be written: everything is optional. */
export type SettingsInput = z.input<typeof schema>;

/** Reads settings and lists all problems by path (`registries.insecure[0]`); an unknown key is a problem. */
export function parseSettings(input: unknown): Parsed<Settings> {
  return parseWith(schema, input);
}
