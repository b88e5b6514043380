import { objectOf, parsed, problem, textOf, type Parsed, type Problem } from '../../model/index.ts';
import type { Material } from '../../policy/index.ts';
import type { ImagePromotionSpec } from '../schema.ts';

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

/** Everything that a promotion refers to, read once when it is opened. */
export interface PromotionSecrets {
  readonly secret: (name: string) => Entries | undefined;
  readonly material: Material;
}

type Named = readonly ['Secret' | 'ConfigMap', string, path: string];

/** Reads all that a promotion refers to; what is missing is a problem with the field that names it. */
export async function readMaterial(
  spec: ImagePromotionSpec,
  read: ReadObject,
  signal: AbortSignal,
): Promise<Parsed<PromotionSecrets>> {
  const found = new Map<string, Entries>();
  const problems: Problem[] = [];
  await Promise.all(
    namedIn(spec).map(async ([kind, name, path]) => {
      const entries = await read(kind, name, signal);
      if (entries) found.set(`${kind}/${name}`, entries);
      else problems.push({ path, message: `there is no ${kind} "${name}"` });
    }),
  );
  if (problems.length > 0) return { ok: false, problems };
  return parsed({
    secret: (name) => found.get(`Secret/${name}`),
    material: ({ kind, name, key }) => found.get(`${kind}/${name}`)?.[key],
  });
}

/** An entry that has to be there; the path names the field that asks for it. */
export function entryOf(entries: Entries | undefined, key: string, path: string): Parsed<string> {
  const value = entries?.[key];
  return value === undefined ? problem(path, `its Secret has no entry "${key}"`) : parsed(value);
}

function namedIn({ source, target, mirror, promote }: ImagePromotionSpec): readonly Named[] {
  const secrets: readonly (readonly [{ readonly name: string } | undefined, string])[] = [
    [source.secretRef, 'spec.source.secretRef'],
    [source.caSecretRef, 'spec.source.caSecretRef'],
    [target.secretRef, 'spec.target.secretRef'],
    [target.caSecretRef, 'spec.target.caSecretRef'],
    [mirror?.sign?.secretRef, 'spec.mirror.sign.secretRef'],
    [promote?.sign?.secretRef, 'spec.promote.sign.secretRef'],
  ];
  const authorities = promote?.scan?.authorities ?? [];
  return [
    ...secrets.flatMap(([ref, path]) => (ref ? [['Secret', ref.name, path] as const] : [])),
    ...authorities.flatMap(({ key, trustRoot }, index) => {
      const path = `spec.promote.scan.authorities[${String(index)}]`;
      return [
        ...(key?.secretRef ? [['Secret', key.secretRef.name, `${path}.key.secretRef`] as const] : []),
        ...(key?.configMapRef
          ? [['ConfigMap', key.configMapRef.name, `${path}.key.configMapRef`] as const]
          : []),
        ...(trustRoot?.configMapRef
          ? [['ConfigMap', trustRoot.configMapRef.name, `${path}.trustRoot.configMapRef`] as const]
          : []),
      ];
    }),
  ];
}

/** The decoded entries of a Secret or ConfigMap; what is no text of UTF-8 in a Secret is read as if it were. */
export function entriesOf(value: unknown, kind: 'Secret' | 'ConfigMap'): Entries {
  const { data, stringData } = objectOf(value);
  const decoded = Object.entries(objectOf(data)).map(([key, one]) => [
    key,
    kind === 'Secret' ? Buffer.from(textOf(one), 'base64').toString('utf8') : textOf(one),
  ]);
  const plain = Object.entries(objectOf(stringData)).map(([key, one]) => [key, textOf(one)]);
  return Object.fromEntries([...decoded, ...plain]) as Entries;
}

/** An identity token that the settings lend to namespaces, and the servers it may be shown to. */
export interface IdentityToken {
  readonly file: string;
  readonly namespaces: readonly string[];
  /** URLs of Fulcio, Rekor and timestamp authorities. */
  readonly servers: readonly string[];
}

/** How a promotion asks to sign without a key. */
interface KeylessRequest {
  readonly identity: string;
  readonly fulcioURL: string;
  readonly rekorURL: string | undefined;
  readonly tsaURL: string | undefined;
}

/**
 * The identity token that a promotion of this namespace may sign with. A namespace that may not use an identity does not learn
 * whether it exists. The token is shown to no server that the settings do not name for it.
 */
export function lentIdentity(
  { identity, ...servers }: KeylessRequest,
  path: string,
  {
    identities,
    namespace,
  }: { readonly identities: Readonly<Record<string, IdentityToken>>; readonly namespace: string },
): Parsed<IdentityToken> {
  const known = Object.hasOwn(identities, identity) ? identities[identity] : undefined;
  if (!known?.namespaces.includes(namespace))
    return problem(`${path}.identity`, 'names no token that the settings lend to this namespace');
  const foreign = Object.entries(servers).find(
    ([, url]) => url !== undefined && !known.servers.some((one) => sameUrl(one, url)),
  );
  if (foreign) return problem(`${path}.${foreign[0]}`, 'is no server that the settings name for this token');
  return parsed(known);
}

function sameUrl(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).href === new URL(other).href;
}
