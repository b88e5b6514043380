import * as z from 'zod';
import { parsed, type Parsed } from '../model/index.ts';
import { operations, pinning, webhook, workloadKinds } from './schema/admission.ts';
import { audit, certificates, cluster, selfTest } from './schema/controller.ts';
import { events } from './schema/events.ts';
import { credentials, memory, registries, trust } from './schema/evidence.ts';
import { promotions } from './schema/promotions.ts';
import { scanner } from './schema/scanner.ts';
import { signing } from './schema/signing.ts';

const schema = z.strictObject({
  /** What happens to images that no policy covers. Allow: a new install refuses no image that no policy names. */
  unmatchedImages: z.enum(['Allow', 'Warn', 'Deny']).default('Allow'),
  registries,
  memory,
  trust,
  credentials,
  webhook,
  operations,
  pinning,
  workloadKinds,
  cluster,
  certificates,
  audit,
  selfTest,
  promotions,
  events,
  scanner,
  signing,
});

/** The whole configuration as a value, with every default filled in. Durations in milliseconds, sizes in bytes. */
export type Settings = z.output<typeof schema>;
/** The configuration as it may be written: everything is optional. */
export type SettingsInput = z.input<typeof schema>;

/** Reads settings and lists all problems by path (`registries.insecure[0]`); an unknown key is a problem. */
export function parseSettings(input: unknown): Parsed<Settings> {
  const read = schema.safeParse(input);
  if (read.success) return parsed(read.data);
  return {
    ok: false,
    problems: read.error.issues.map((issue) => ({
      path: issue.path
        .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
        .join('')
        .slice(1),
      message: issue.message,
    })),
  };
}
