import * as z from 'zod';

/* What several blocks of the settings share. */

/** A day in milliseconds. */
export const DAY_MS = 86_400_000;

/** A pause or a time limit. Beyond a day a timer is a mistake, and past 2^31 milliseconds Node's fire at once. */
export const milliseconds = z.int().min(1).max(DAY_MS);

export const path = z.string().min(1);

/** An http or https address without a login, which would end up in logs. */
export const serverUrl = z
  .url({ protocol: /^https?$/ })
  .refine((url) => !/[?#@]/.test(url), 'has a query, a fragment or a login');

const LOOPBACK = /^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?(?:\/|$)/;

/** Who issues identity tokens: https, but for loopback. */
export const issuer = serverUrl
  .max(1_024)
  .refine((url) => url.startsWith('https://') || LOOPBACK.test(url), 'is not https');

/** The address of an HTTP proxy without a login, which has a file of its own; empty = none. */
export const proxyUrl = z
  .string()
  .refine((text) => text === '' || (/^https?:\/\/[^/?#@]+\/?$/.test(text) && URL.canParse(text)), {
    error: 'is not the address of a proxy such as http://proxy.example.com:3128, without a login',
  });

/** One entry of `NO_PROXY`. A range has to be one: a typing error would lead to a proxy what is meant to stay here. */
export const noProxyEntry = z
  .string()
  .max(253)
  .regex(/^[^\s,]+$/, 'is not one host, domain, address or range')
  .refine(
    (text) => !text.includes('/') || range.safeParse(text).success,
    'is not a range such as 10.0.0.0/8',
  );

/** A registry host with optional port, as in an image reference. */
export const host = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9.-]+|\[[A-Fa-f0-9:.]+\])(?::\d{1,5})?$/,
    'is not a host such as registry.example.com:5000',
  );

/** Addresses, e.g. `10.0.0.0/8`. */
export const range = z
  .string()
  .refine((text) => [z.cidrv4(), z.cidrv6()].some((form) => form.safeParse(text).success), {
    error: 'is not a range such as 10.0.0.0/8',
  });

/** All hosts below a domain. */
const below = z.string().regex(/^\*\.[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::\d{1,5})?$/);

/** A host with optional port, or all hosts below a domain. */
export const hostPattern = z
  .string()
  .refine((text) => [host, below].some((form) => form.safeParse(text).success), {
    error: 'is not a host such as auth.example.com, or *.example.com',
  });

/** A host with optional port, all hosts below a domain, an address, or a range of addresses. */
export const address = z
  .string()
  .refine((text) => [z.ipv6(), range, host, below].some((form) => form.safeParse(text).success), {
    error: 'is not a host such as minio.lan:9000, *.lan, 10.0.0.5 or 10.0.0.0/8',
  });

/** An address to listen on; no host = every interface. */
export const listen = z.string().transform((text, context) => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match && port <= 65_535) return { host: match[1] ?? match[2] ?? '', port };
  context.addIssue('is not HOST:PORT, e.g. 127.0.0.1:8443, [::1]:8443 or :8443');
  return z.NEVER;
});

/** Steps into an object, e.g. `spec.template.spec`. */
export const fieldPath = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,15}$/, 'is not a path such as spec.template.spec');

/** Steps into an object, of which `*` stands for all fields of an object and `[*]` for all elements of a list. */
export const placePath = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]{1,63}(?:\.(?:[A-Za-z0-9_-]{1,63}|\*)|\[\*\]){0,15}$/,
    'is not a path such as spec.template.spec, spec.steps[*].image or spec.roles.*.template.spec',
  );

/** Refuses an element whose name an earlier one has: only one of them would be used. `at` is the field with the name. */
export const firstOfItsName =
  <T>(nameOf: (one: T) => string, ...at: readonly string[]) =>
  (list: readonly T[], context: z.RefinementCtx): void => {
    for (const [index, one] of list.entries())
      if (list.findIndex((other) => nameOf(other) === nameOf(one)) < index)
        context.addIssue({ code: 'custom', path: [index, ...at], message: 'is listed before' });
  };

/** A name in Kubernetes: DNS label, dots allowed. */
export const dnsName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'is not a name Kubernetes would take');

/** The name of an object of a namespace: `name`, or `namespace/name`. */
export const namespacedName = z
  .string()
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\/)?[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
    'is no name Kubernetes would take, nor namespace/name',
  );

/** A block of settings that may be left out, because every field has a default or may be absent. */
export const block = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape).prefault({} as z.input<z.ZodObject<T, z.core.$strict>>);
