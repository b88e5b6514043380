// What a registry does with what is written to it.
import { digestOf } from '../../../../src/core/model/index.ts';
import type { Intercept, RegistryRequest, Reply } from '../../registry/index.ts';
import { amend, answer, cutBody, hangUp, redirect, refuse, silence } from '../../registry/misbehave.ts';
import { asking, hanging, type Knob, type Stage } from '../knob.ts';

const SILENCE_MS = 5_000;
const UPLOADS = '/blobs/uploads/';
const begin = asking('POST', UPLOADS);
const finish = asking('PUT', UPLOADS);
const storing = asking('PUT', '/manifests/');
const byTag = (request: RegistryRequest): boolean =>
  storing(request) && !request.url.pathname.includes('sha256:');

const write = (id: string, name: string, misbehave: (stage: Stage) => Intercept): Knob => ({
  ...{ id, name, side: 'write', misbehave },
});
const location =
  (where: (own: string, stage: Stage) => string | undefined) =>
  (stage: Stage): Intercept =>
    amend(begin, (reply) => {
      const { location: own = '', ...headers } = reply.headers ?? {};
      const text = where(String(own), stage);
      return { ...reply, headers: { ...headers, ...(text !== undefined && { location: text }) } };
    });
const stored = (digest: string): Reply => ({ status: 201, headers: { 'docker-content-digest': digest } });

/** Answers 201 to a manifest and keeps nothing. */
const forgetting =
  (which: (request: RegistryRequest) => boolean): Intercept =>
  async (request) => {
    if (!which(request)) return undefined;
    return stored(digestOf(await request.body()));
  };

/** Uploads, mounts and manifests that a registry takes in another way than it says. */
export const WRITES: readonly Knob[] = [
  write(
    'F23',
    'upload-without-location',
    location(() => undefined),
  ),
  write(
    'F23',
    'upload-at-nothing',
    location(() => 'http://['),
  ),
  write(
    'F23',
    'upload-elsewhere',
    location((own, { foreign }) => foreign.url + own),
  ),
  write(
    'F23',
    'upload-at-the-metadata-service',
    location(() => 'http://169.254.169.254/latest'),
  ),
  write(
    'F23',
    'upload-with-a-login',
    location((own, { bad }) => `http://user:password@${bad.host}${own}`),
  ),
  write(
    'F23',
    'upload-at-a-relative-place',
    location((own) => own.split('/').at(-1)),
  ),
  write(
    'F23',
    'upload-with-a-query',
    location((own) => `${own}?state=a%2Fb&n=1`),
  ),
  write('F23', 'upload-redirected-elsewhere', ({ foreign }) =>
    redirect(finish, ({ url }) => `${foreign.url}${url.pathname}${url.search}`),
  ),
  write('F24', 'upload-202-at-the-end', () => amend(finish, (reply) => ({ ...reply, status: 202 }))),
  { ...write('F24', 'upload-201-and-nothing-kept', () => answer(finish, { status: 201 })), believed: true },
  write('F24', 'upload-202-and-nothing-kept', () => answer(finish, { status: 202 })),
  write('F24', 'upload-under-another-digest', () => answer(finish, stored(digestOf('another')))),
  hanging(write('F24', 'upload-lost', () => refuse(finish, 404))),
  hanging(write('F24', 'upload-out-of-step', () => refuse(finish, 416, { range: '0-9999' }))),
  hanging(write('F24', 'upload-cut-off', () => cutBody(finish, 2))),
  hanging(write('F24', 'upload-hangs', () => silence(finish, SILENCE_MS))),
  write('F24', 'upload-begins-with-200', () => amend(begin, (reply) => ({ ...reply, status: 200 }))),
  hanging(write('F25', 'manifest-201-and-nothing-kept', () => forgetting(storing))),
  write('F25', 'tag-201-and-nothing-kept', () => forgetting(byTag)),
  write('F25', 'manifest-under-another-digest', () => answer(storing, stored(digestOf('another')))),
  write('F25', 'tag-with-another-digest', () => async (request, handle) => {
    if (!byTag(request)) return undefined;
    const other = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [],
      }),
    );
    await handle({ ...request, body: () => Promise.resolve(other) });
    return stored(digestOf(await request.body()));
  }),
  write('F25', 'manifest-204', () => amend(storing, (reply) => ({ ...reply, status: 204 }))),
  hanging(write('F25', 'manifest-hangs', () => silence(storing, SILENCE_MS))),
  write('F25', 'tag-hangs-up', () => hangUp(byTag)),
  write('F25', 'tag-stored-and-hangs-up', () => async (request, handle) => {
    if (!byTag(request)) return undefined;
    await handle(request);
    return 'hang up';
  }),
  ...[401, 403, 404, 405, 409, 412, 413, 429, 500, 507].flatMap((status) => [
    write('F26', `upload-${status}`, () => refuse(begin, status)),
    write('F26', `manifest-${status}`, () => refuse(storing, status)),
    write('F26', `tag-${status}`, () => refuse(byTag, status)),
  ]),
  ...mounts(),
  ...deletions(),
];

function mounts(): readonly Knob[] {
  const mounting = (request: RegistryRequest): boolean =>
    begin(request) && request.url.searchParams.has('mount');
  const mount = (name: string, misbehave: Intercept): Knob => ({
    ...write('F27', name, () => misbehave),
    mounts: true,
  });
  return [
    mount('mount-201-and-nothing-kept', answer(mounting, { status: 201 })),
    mount('mount-202-without-location', answer(mounting, { status: 202 })),
    mount('mount-500', refuse(mounting, 500)),
    mount('mount-404', refuse(mounting, 404)),
    hanging(mount('mount-hangs', silence(mounting, SILENCE_MS))),
  ];
}

function deletions(): readonly Knob[] {
  const deletion = (name: string, misbehave: Intercept): Knob => ({
    ...{ id: 'F28', name, side: 'delete', misbehave: () => misbehave },
  });
  const deleting = asking('DELETE', '/manifests/');
  return [
    deletion('delete-202-and-kept', answer(deleting, { status: 202 })),
    hanging(deletion('delete-hangs', silence(deleting, SILENCE_MS))),
    deletion('delete-hangs-up', hangUp(deleting)),
    ...[403, 404, 405, 409, 429, 500].map((status) => deletion(`delete-${status}`, refuse(deleting, status))),
  ];
}
