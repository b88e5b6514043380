import * as z from 'zod';
import type { RegistryLogin } from '../../core/evidence/index.ts';
import { parseJson, type Digest } from '../../core/model/index.ts';
import type { Deletion } from '../../core/promotion/index.ts';
import { discard } from '../http/index.ts';
import { isDone, readBody } from './answer.ts';
import type { Answer, Call } from './call.ts';
import type { Exchange } from './exchange.ts';
import { fault, faultOfStatus, misbehaved } from './fault.ts';

/** Where images of a registry are deleted that does not delete by its own API, and with what. */
export interface PackagesApi {
  /** E.g. `https://api.github.com`. */
  readonly api: string;
  readonly login: RegistryLogin | undefined;
  /** Sends one request and follows no redirect: the token goes to this API and nowhere else. */
  readonly exchange: Exchange;
}

/** Versions on one page, and pages that are read: 10,000 manifests of one repository. */
const PER_PAGE = 100;
const MAX_PAGES = 100;
/** Longest page that is read, in bytes: a version with many tags has some KiB. */
const MAX_PAGE_BYTES = 1024 * 1024;
/** Statuses by which it does not delete: the last tagged version, and public packages with many downloads. */
const REFUSALS: ReadonlySet<number> = new Set([400, 405, 409, 422]);

const version = z.object({
  id: z.int().positive(),
  name: z.string(),
  metadata: z.object({ container: z.object({ tags: z.array(z.string()) }) }),
});
const page = z.array(version).max(PER_PAGE);

/**
 * Deletes a manifest by GitHub's API for packages, in which it is a version. One that several tags point to is `refused`: it would go
 * with all of them. The tags are read once more right before.
 */
export async function deleteVersion(call: Call, digest: Digest, given: PackagesApi): Promise<Deletion> {
  const [owner = '', ...rest] = call.repository.split('/');
  if (rest.length === 0) return 'refused';
  const names = { owner: encodeURIComponent(owner), pkg: encodeURIComponent(rest.join('/')) };
  const ask = asking(call, given);
  for (const kind of ['orgs', 'users']) {
    const versions = `${kind}/${names.owner}/packages/container/${names.pkg}/versions`;
    const found = await findVersion(call, ask, versions, digest);
    if (found === 'no package') continue;
    if (found === undefined) return 'absent';
    const at = `${versions}/${found}`;
    const now = await read(call, await ask('GET', at), version);
    if (now === undefined) return 'absent';
    if (now.name !== digest || now.metadata.container.tags.length > 1) return 'refused';
    return deletionOf(call, await ask('DELETE', at));
  }
  throw fault(call, 'RegistryDenied', 'GitHub has no such package, or hides it from this token');
}

type AskApi = (method: 'GET' | 'DELETE', path: string) => Promise<Answer>;

function asking(call: Call, { api, login, exchange }: PackagesApi): AskApi {
  const token = tokenIn(login);
  // A login that must not be used here is the reason that the Fault gives.
  if (token === undefined || call.withheld !== undefined)
    throw fault(call, 'RegistryDenied', 'deleting there needs a token with the right delete:packages');
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${token}`,
    'x-github-api-version': '2022-11-28',
  };
  return (method, path) =>
    exchange(call, { method, url: new URL(`${api.replace(/\/$/, '')}/${path}`), headers });
}

function tokenIn(login: RegistryLogin | undefined): string | undefined {
  if (login?.kind === 'password') return login.password;
  return login?.kind === 'bearer' ? login.token : undefined;
}

/** The id of the version that is this manifest; `undefined` where the package has none. */
async function findVersion(
  call: Call,
  ask: AskApi,
  versions: string,
  digest: Digest,
): Promise<number | undefined | 'no package'> {
  for (let number = 1; number <= MAX_PAGES; number += 1) {
    const answer = await ask('GET', `${versions}?per_page=${PER_PAGE}&page=${number}`);
    const listed = await read(call, answer, page);
    if (listed === undefined) return number === 1 ? 'no package' : undefined;
    const found = listed.find(({ name }) => name === digest);
    if (found || listed.length < PER_PAGE) return found?.id;
  }
  throw fault(call, 'LimitExceeded', `the package has more than ${MAX_PAGES * PER_PAGE} versions`);
}

/** What an answer holds; `undefined` for 404. */
async function read<T>(call: Call, answer: Answer, form: z.ZodType<T>): Promise<T | undefined> {
  if (answer.status !== 200) {
    await discard(answer);
    if (answer.status === 404) return undefined;
    throw faultOfStatus(call, answer);
  }
  const bytes = await readBody(call, answer, MAX_PAGE_BYTES);
  const parsed = form.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw misbehaved(call, `${answer.url.host} answered something else than versions of a package`);
}

async function deletionOf(call: Call, answer: Answer): Promise<Deletion> {
  await discard(answer);
  if (isDone(answer)) return 'deleted';
  if (answer.status === 404) return 'absent';
  if (REFUSALS.has(answer.status)) return 'refused';
  throw faultOfStatus(call, answer);
}
