import { RE2JS } from 're2js';
import { CLAIM_NAMES, failed, parsed, parseReference, problem } from '../../model/index.ts';
import type { ImageRef, Parsed, Problem, PublicKey, TrustRoot } from '../../model/index.ts';
import type { ImagePolicySpec } from '../schema.ts';
import type { Authority, AuthoritySigner } from './authority.ts';
import { parsePublicKey } from './public-key.ts';

/** Where a policy may point for a key or a trust root: an entry of a Secret or a ConfigMap. */
export interface MaterialRef {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly name: string;
  readonly key: string;
}

/** Looks up what a policy refers to; `undefined` when it is not there. */
export type Material = (ref: MaterialRef) => string | undefined;

/** Reads trust roots; who knows their format is handed in. */
export interface TrustRoots {
  /** Problems have a path inside the root; `source` says where the text came from, for people. */
  readonly read: (json: string, source: string) => Parsed<TrustRoot>;
  /** The root of the public-good instance, as it is known now. */
  readonly publicGood: () => TrustRoot;
}

/** What a policy is compiled with besides its own text. */
export interface Given {
  readonly material: Material;
  readonly roots: TrustRoots;
}

/** Authorities by name; `undefined` for one that has problems, so that its problems are reported once. */
export type Authorities = ReadonlyMap<string, Authority | undefined>;

type Written = ImagePolicySpec['authorities'][number];

/** Reads every authority of the list at `given.path` (default `spec.authorities`); problems go to `problems` by field path. */
export function compileAuthorities(
  authorities: readonly Written[],
  given: Given & { readonly path?: string },
  problems: Problem[],
): Authorities {
  const byName = new Map<string, Authority | undefined>();
  const byKey = new Map<string, string>();
  for (const [index, written] of authorities.entries()) {
    const { name } = written;
    const path = `${given.path ?? 'spec.authorities'}[${index}]`;
    if (byName.has(name)) problems.push({ path: `${path}.name`, message: `"${name}" is there twice` });
    const read = compileAuthority(written, given, path);
    if (!read.ok) problems.push(...read.problems);
    byName.set(name, read.ok ? read.value : undefined);
    if (!read.ok || read.value.signer.kind !== 'key') continue;
    // One key under two names would let a single signature count as two signers.
    const { fingerprint } = read.value.signer.key;
    const twin = byKey.get(fingerprint);
    if (twin !== undefined)
      problems.push({ path: `${path}.key`, message: `is the same key as that of "${twin}"` });
    byKey.set(fingerprint, name);
  }
  return byName;
}

function compileAuthority(written: Written, given: Given, path: string): Parsed<Authority> {
  const { name, keyless, trustRoot } = written;
  // A certificate lives for minutes: without a log, one issued in error stays unnoticed. A key belongs to its owner.
  const transparencyLog = (written.transparencyLog ?? (keyless ? 'Required' : 'NotRequired')) === 'Required';
  const timestamps = written.timestamps === 'Required';
  const signer = compileSigner(written, given, path);
  const root =
    keyless || transparencyLog || timestamps
      ? compileRoot(trustRoot, given, `${path}.trustRoot`)
      : unusedRoot(trustRoot, `${path}.trustRoot`);
  const place = compileRepository(written.repository, `${path}.repository`);
  if (!signer.ok || !root.ok || !place.ok) return failed([signer, root, place]);
  const [trusted, repository] = [root.value, place.value];
  return parsed({ name, signer: signer.value, transparencyLog, timestamps, root: trusted, repository });
}

function compileSigner({ key, keyless }: Written, given: Given, path: string): Parsed<AuthoritySigner> {
  if (key) {
    const read = readKey(key, given.material, `${path}.key`);
    return read.ok ? parsed({ kind: 'key', key: read.value }) : read;
  }
  if (!keyless) return problem(path, 'needs exactly one of key, keyless');
  const { issuer, subject, subjectPattern } = keyless;
  const claims = CLAIM_NAMES.flatMap((claim) => {
    const value = keyless.claims?.[claim];
    return value === undefined ? [] : [[claim, value] as const];
  });
  const isSubject =
    subjectPattern === undefined
      ? parsed((text: string) => text === subject)
      : compilePattern(subjectPattern, `${path}.keyless.subjectPattern`);
  return isSubject.ok ? parsed({ kind: 'keyless', issuer, isSubject: isSubject.value, claims }) : isSubject;
}

/** RE2 runs in linear time, and the whole subject must match: `^a|b$` alone would let `xb` in. */
function compilePattern(text: string, path: string): Parsed<(subject: string) => boolean> {
  try {
    const pattern = RE2JS.compile(text);
    return parsed((subject) => pattern.matches(subject));
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unreadable';
    return problem(path, `is no RE2 regular expression: ${why}`);
  }
}

function readKey(key: NonNullable<Written['key']>, material: Material, path: string): Parsed<PublicKey> {
  const text =
    key.pem === undefined
      ? readMaterial(key, material, path)
      : parsed({ text: key.pem, where: `${path}.pem` });
  if (!text.ok) return text;
  const read = parsePublicKey(text.value.text);
  return read.ok ? read : { ok: false, problems: at(text.value.where, read.problems) };
}

function compileRoot(
  written: Written['trustRoot'],
  { material, roots }: Given,
  path: string,
): Parsed<TrustRoot | undefined> {
  if (!written) return parsed(roots.publicGood());
  const read = readMaterial(written, material, path);
  if (!read.ok) return read;
  const { text, where, source } = read.value;
  const root = roots.read(text, source);
  if (root.ok) return root;
  const problems = root.problems.map((one) => ({
    path: where,
    message: `${one.path} ${one.message}`.trim(),
  }));
  return { ok: false, problems };
}

/** A trust root that no check uses is an error worth a message: its author believes that a log is checked. */
function unusedRoot(written: Written['trustRoot'], path: string): Parsed<undefined> {
  const message = 'is not used: a key needs it only with transparencyLog or timestamps Required';
  return written ? problem(path, message) : parsed(undefined);
}

function compileRepository(written: string | undefined, path: string): Parsed<ImageRef | undefined> {
  if (written === undefined) return parsed(undefined);
  const ref = parseReference(written);
  if (!ref.ok) return { ok: false, problems: at(path, ref.problems) };
  const { registry, repository, digest } = ref.value;
  if (digest !== undefined || written.slice(written.lastIndexOf('/') + 1).includes(':'))
    return problem(path, 'is a repository: leave out tag and digest');
  return parsed({ registry, repository });
}

function readMaterial(
  { secretRef, configMapRef }: NonNullable<Written['trustRoot']>,
  material: Material,
  path: string,
): Parsed<{ readonly text: string; readonly where: string; readonly source: string }> {
  const where = `${path}.${secretRef ? 'secretRef' : 'configMapRef'}`;
  const ref = secretRef ?? configMapRef;
  if (!ref) return problem(where, 'is missing');
  const kind = secretRef ? 'Secret' : 'ConfigMap';
  const text = material({ kind, ...ref });
  return text
    ? parsed({ text, where, source: `${kind} ${ref.name}/${ref.key}` })
    : problem(where, `${kind} ${ref.name} has no key ${ref.key}`);
}

/** The same problems, all at one path. */
export function at(path: string, problems: readonly Problem[]): readonly Problem[] {
  return problems.map(({ message }) => ({ path, message }));
}
