import { objectOf, ownField, parsed, problem, textOf, type Parsed, type Problem } from '../../model/index.ts';
import type { Material } from '../../policy/index.ts';
import type { ImagePromotionSpec, SignSpec } from '../schema.ts';

/** Decoded entries of one Secret or ConfigMap. */
export type Entries = Readonly<Record<string, string>>;

/**
 * Reads an object of the promotion's own namespace, and of no other: a promotion cannot use the login of another. `undefined` = it is
 * not there; throws a Fault when that cannot be found out.
 */
export type ReadObject = (
  kind: 'Secret' | 'ConfigMap',
  name: string,
  signal: AbortSignal,
) => Promise<Entries | undefined>;

/** A promotion, with how the objects of its namespace are read. */
export interface NamespacedPromotion {
  readonly spec: ImagePromotionSpec;
  readonly namespace: string;
  readonly read: ReadObject;
}

/** A promotion's namespace, and everything in it that the promotion refers to, read once when it is opened. */
export interface Owner {
  readonly namespace: string;
  readonly secret: (name: string) => Entries | undefined;
  readonly material: Material;
}

type Named = readonly [
  kind: 'Secret' | 'ConfigMap',
  ref: { readonly name: string } | undefined,
  path: string,
];

/** Reads all that a promotion refers to; what is missing is a problem with the field that names it. */
export async function readOwner(
  { spec, namespace, read }: NamespacedPromotion,
  signal: AbortSignal,
): Promise<Parsed<Owner>> {
  const found = new Map<string, Entries>();
  const problems: Problem[] = [];
  await Promise.all(
    namedIn(spec).map(async ([kind, ref, path]) => {
      if (!ref) return;
      const entries = await read(kind, ref.name, signal);
      if (entries) found.set(`${kind}/${ref.name}`, entries);
      else problems.push({ path, message: `there is no ${kind} "${ref.name}"` });
    }),
  );
  if (problems.length > 0) return { ok: false, problems };
  return parsed({
    namespace,
    secret: (name) => found.get(`Secret/${name}`),
    material: ({ kind, name, key }) => ownField(found.get(`${kind}/${name}`) ?? {}, key),
  });
}

/** An entry that has to be there; the path names the field that asks for it. */
export function entryOf(entries: Entries | undefined, key: string, path: string): Parsed<string> {
  const value = entries && ownField(entries, key);
  return value === undefined ? problem(path, `its Secret has no entry "${key}"`) : parsed(value);
}

function namedIn({ source, target, mirror, promote }: ImagePromotionSpec): readonly Named[] {
  const authorities = promote?.scan?.authorities ?? [];
  return [
    ['Secret', source.secretRef, 'spec.source.secretRef'],
    ['Secret', source.caSecretRef, 'spec.source.caSecretRef'],
    ['Secret', target.secretRef, 'spec.target.secretRef'],
    ['Secret', target.caSecretRef, 'spec.target.caSecretRef'],
    ['Secret', mirror?.sign?.secretRef, 'spec.mirror.sign.secretRef'],
    ['Secret', promote?.sign?.secretRef, 'spec.promote.sign.secretRef'],
    ...authorities.flatMap(({ key, trustRoot }, index): readonly Named[] => {
      const path = `spec.promote.scan.authorities[${String(index)}]`;
      return [
        ['Secret', key?.secretRef, `${path}.key.secretRef`],
        ['ConfigMap', key?.configMapRef, `${path}.key.configMapRef`],
        ['ConfigMap', trustRoot?.configMapRef, `${path}.trustRoot.configMapRef`],
      ];
    }),
  ];
}

/** The decoded entries of a Secret or ConfigMap; what is no text of UTF-8 in a Secret is read as if it were. */
export function entriesOf(value: unknown, kind: 'Secret' | 'ConfigMap'): Entries {
  const { data, stringData } = objectOf(value);
  const decode = (text: string): string =>
    kind === 'Secret' ? Buffer.from(text, 'base64').toString('utf8') : text;
  const decoded = Object.entries(objectOf(data)).map(([key, one]) => [key, decode(textOf(one))] as const);
  const plain = Object.entries(objectOf(stringData)).map(([key, one]) => [key, textOf(one)] as const);
  return Object.fromEntries([...decoded, ...plain]);
}

/** An identity token that the settings lend to namespaces, and the servers it may be shown to. */
export interface IdentityToken {
  readonly file: string;
  readonly namespaces: readonly string[];
  /** URLs of Fulcio, Rekor and timestamp authorities. */
  readonly servers: readonly string[];
}

/**
 * The identity token that a promotion of this namespace may sign with. A namespace that may not use an identity does not learn
 * whether it exists. The token is shown to no server that the settings do not name for it.
 */
export function lentIdentity(
  { identity, ...servers }: NonNullable<SignSpec['keyless']>,
  path: string,
  by: { readonly identities: Readonly<Record<string, IdentityToken>>; readonly namespace: string },
): Parsed<IdentityToken> {
  const known = Object.hasOwn(by.identities, identity) ? by.identities[identity] : undefined;
  if (!known?.namespaces.includes(by.namespace))
    return problem(`${path}.identity`, 'names no token that the settings lend to this namespace');
  const urls: Readonly<Record<string, string | undefined>> = servers;
  const foreign = Object.entries(urls).find(
    ([, url]) => url !== undefined && !known.servers.some((one) => sameUrl(one, url)),
  );
  if (foreign) return problem(`${path}.${foreign[0]}`, 'is no server that the settings name for this token');
  return parsed(known);
}

function sameUrl(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).href === new URL(other).href;
}
