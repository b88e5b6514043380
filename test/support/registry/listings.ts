// Reads any registry by plain HTTP, independent of our own client.
import type { Target } from './push.ts';

/** One entry of a listing of referrers. */
export interface ListedReferrer {
  readonly digest: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The referrers of a digest, by the referrers API, in a fixed order. */
export async function listReferrers(target: Target, digest: string): Promise<readonly ListedReferrer[]> {
  const answer = await fetch(`http://${target.registry}/v2/${target.repository}/referrers/${digest}`);
  if (!answer.ok) throw new Error(`the referrers of ${digest} answered ${String(answer.status)}`);
  const { manifests } = (await answer.json()) as { readonly manifests: readonly ListedReferrer[] };
  return [...manifests].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** All tags of a repository; an empty list for a missing repository. */
export async function listTags(target: Target): Promise<readonly string[]> {
  const answer = await fetch(`http://${target.registry}/v2/${target.repository}/tags/list`);
  if (answer.status === 404) return [];
  const { tags } = (await answer.json()) as { readonly tags: readonly string[] | null };
  return tags ?? [];
}

/** The artifact types of all that refers to a digest, by the API or the fallback tag, as the manifests themselves name them. */
export async function artifactTypesAbout(target: Target, digest: string): Promise<readonly string[]> {
  const url = `http://${target.registry}/v2/${target.repository}`;
  const api = await fetch(`${url}/referrers/${digest}`);
  const answer = api.ok ? api : await fetch(`${url}/manifests/${digest.replace(':', '-')}`);
  if (!answer.ok) return [];
  const { manifests } = (await answer.json()) as { readonly manifests: readonly ListedReferrer[] };
  const opened = await Promise.all(manifests.map((one) => fetch(`${url}/manifests/${one.digest}`)));
  const there = opened.filter(({ ok }) => ok);
  const bodies = await Promise.all(there.map((one) => one.json() as Promise<{ artifactType?: string }>));
  return bodies.map(({ artifactType = '' }) => artifactType);
}
