import * as z from 'zod';
import { parseReference } from '../../model/index.ts';
import { milliseconds, path } from './parts.ts';

/** A reference that names its registry: without one, clients differ in which they mean. */
const artifact = z
  .string()
  .refine((text) => text.includes('/') && /[.:]|^localhost$/.test(text.slice(0, text.indexOf('/'))), {
    message: 'does not name a registry, as registry.example.com/mirror/trivy-db:2 does',
    abort: true,
  })
  .superRefine((text, context) => {
    const read = parseReference(text);
    for (const { message } of read.ok ? [] : read.problems) context.addIssue(message);
  });

/** The scanner that promotions call for; nothing of it is touched as long as none does. */
export const scanner = z
  .strictObject({
    /** Trivy: a path, or a name that is found in `PATH`. */
    command: path.default('trivy'),
    /** Where Trivy keeps its database. Absent = Trivy's own place, so that a laptop uses the one that it has. */
    cacheDirectory: path.optional(),
    /** A Trivy server that judges, e.g. one for the whole cluster. Absent = each Trivy judges by its own database. */
    server: z
      .url({ protocol: /^https?$/ })
      // A login in a URL ends up in logs; TRIVY_TOKEN holds the token of a server.
      .refine((url) => !/[?#@]/.test(url), 'has a query, a fragment or a login')
      .optional(),
    /** Do not go to the network for the database: another process keeps it up to date, and its age is still checked. */
    offline: z.boolean().default(false),
    /** Where the vulnerability database is downloaded from, e.g. a mirror. Absent = from where Trivy looks by itself. */
    databaseRepository: artifact.optional(),
    /** The same for what Trivy knows jars by. With it, that database is kept up to date like the other one. */
    javaDatabaseRepository: artifact.optional(),
    /** One run of Trivy: long enough to read an image of some gigabytes over a slow line. */
    timeoutMs: milliseconds.default(600_000),
    /** Runs at a time: each takes a core and, for a big image, a few hundred megabytes. */
    parallel: z.int().min(1).max(16).default(2),
  })
  .prefault({});
