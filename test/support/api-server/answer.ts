import type { KubeObject, Written } from '../../../src/clients/kubernetes/types.ts';
import type { ClusterTwin } from '../twins/cluster.ts';
import { refusal, type ApiRequest, type Reply } from './http.ts';
import type { Route } from './route.ts';

/** Answers everything but a watch. */
export async function answer(twin: ClusterTwin, route: Route, request: ApiRequest): Promise<Reply> {
  const { collection, address } = route;
  if (!address)
    return request.method === 'POST' ? create(twin, route, request) : list(twin, route, request.url);
  switch (request.method) {
    case 'GET': {
      const object = await twin.get(address);
      return object ? { status: 200, body: object } : refusal(404, 'NotFound');
    }
    case 'DELETE': {
      const { preconditions } = JSON.parse(request.body) as { preconditions?: { uid?: string } };
      if (!(await twin.get(address))) return refusal(404, 'NotFound');
      return (await twin.remove(address, preconditions))
        ? { status: 200, body: {} }
        : refusal(409, 'Conflict');
    }
    case 'PUT':
      return replyTo(await twin.replace(address, parse(request), optionsOf(request)));
    case 'PATCH':
      return patch(twin, { collection, address }, request);
    default:
      return refusal(405, 'MethodNotAllowed');
  }
}

async function create(twin: ClusterTwin, { collection }: Route, request: ApiRequest): Promise<Reply> {
  return replyTo(await twin.create(collection, parse(request), optionsOf(request)), 201);
}

async function list(twin: ClusterTwin, { collection }: Route, { searchParams }: URL): Promise<Reply> {
  const token = searchParams.get('continue');
  const limit = Number(searchParams.get('limit') ?? Infinity);
  try {
    const page = await twin.list(collection, { limit, ...(token !== null && { continue: token }) });
    const { resourceVersion, continue: next } = page;
    const items = page.items.map(({ apiVersion: _v, kind: _k, ...item }) => item);
    const [first] = page.items;
    const metadata = { resourceVersion, ...(next !== undefined && { continue: next }) };
    const kind = `${first?.kind ?? 'Thing'}List`;
    return { status: 200, body: { kind, apiVersion: first?.apiVersion ?? 'v1', metadata, items } };
  } catch {
    return refusal(410, 'Expired');
  }
}

async function patch(twin: ClusterTwin, { address }: Required<Route>, request: ApiRequest): Promise<Reply> {
  const options = optionsOf(request);
  const type = request.headers['content-type'];
  if (type === 'application/apply-patch+yaml') {
    const fieldManager = request.url.searchParams.get('fieldManager') ?? '';
    if (request.url.searchParams.get('force') !== 'true') return refusal(409, 'Conflict');
    return replyTo(await twin.apply(address, parse(request), { ...options, fieldManager }));
  }
  const list = type === 'application/json-patch+json';
  if (!list && type !== 'application/merge-patch+json') return refusal(415, 'UnsupportedMediaType');
  if (Array.isArray(JSON.parse(request.body)) !== list) return refusal(400, 'BadRequest');
  return replyTo(await twin.patch(address, parse(request), options));
}

function parse({ body }: ApiRequest): object {
  return JSON.parse(body) as KubeObject;
}

function optionsOf({ url }: ApiRequest): { dryRun?: boolean } {
  return url.searchParams.get('dryRun') === 'All' ? { dryRun: true } : {};
}

function replyTo(written: Written, status = 200): Reply {
  return written.ok
    ? { status, body: written.object }
    : refusal(written.status, written.reason, written.message);
}
