// Events in the documented forms of registries that clouds and vendors run.
import type { Sender } from '../../../src/controllers/events/ports.ts';

const DIGEST = `sha256:${'cd'.repeat(32)}`;
export const REGION = 'eu-central-1';
const ACCOUNT = '123456789012';
export const ECR = `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com`;

export const acr = (action = 'push', target: object = {}) => ({
  id: 'cb8c3971-9adc-488b-xxxx-43cbb4974ff5',
  timestamp: '2026-11-17T16:52:01.343145347Z',
  action,
  target: {
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    size: 524,
    digest: DIGEST,
    length: 524,
    repository: 'shop/web',
    tag: '1.4',
    ...target,
  },
  request: {
    id: '3cbb6949-7549-4fa1-xxxx-a6d5451dffc7',
    host: 'acme.azurecr.io',
    method: 'PUT',
    useragent: 'docker/17.09.0-ce',
  },
});

export const ecr = (detail: object = {}, event: object = {}) => ({
  version: '0',
  id: '13cde686-328b-6117-af20-0e5566167482',
  'detail-type': 'ECR Image Action',
  source: 'aws.ecr',
  account: ACCOUNT,
  time: '2026-11-16T01:54:34Z',
  region: REGION,
  resources: [],
  detail: {
    result: 'SUCCESS',
    'repository-name': 'shop/web',
    'image-digest': DIGEST,
    'action-type': 'PUSH',
    'image-tag': '1.4',
    ...detail,
  },
  ...event,
});

const GAR = 'europe-docker.pkg.dev/acme/shop/web';
export const garMessage = (message: object = {}) => ({
  action: 'INSERT',
  digest: `${GAR}@${DIGEST}`,
  tag: `${GAR}:1.4`,
  ...message,
});
export const gar = (message: object = {}) => ({
  message: {
    data: Buffer.from(JSON.stringify(garMessage(message))).toString('base64'),
    messageId: '2070443601311540',
    publishTime: '2026-02-26T19:13:55.749Z',
    attributes: {},
  },
  subscription: 'projects/acme/subscriptions/pratique',
});

export const dockerHub = (repository: object = {}, pushed: object = {}) => ({
  callback_url: 'https://registry.hub.docker.com/u/acme/web/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/',
  push_data: { pushed_at: 1_417_566_161, pusher: 'trustedbuilder', tag: '1.4', ...pushed },
  repository: { name: 'web', namespace: 'acme', owner: 'acme', repo_name: 'acme/web', ...repository },
});

export const quay = (change: object = {}) => ({
  name: 'web',
  repository: 'acme/web',
  namespace: 'acme',
  docker_url: 'quay.io/acme/web',
  homepage: 'https://quay.io/repository/acme/web',
  updated_tags: ['1.4', '1'],
  ...change,
});

export const jfrog = (data: object = {}, event: object = {}) => ({
  domain: 'docker',
  event_type: 'pushed',
  data: {
    repo_key: 'docker-local',
    event_type: 'pushed',
    path: 'shop/web/1.4/list.manifest.json',
    name: 'list.manifest.json',
    sha256: 'cd'.repeat(32),
    size: 1_206,
    image_name: 'shop/web',
    tag: '1.4',
    platforms: [{ architecture: 'amd64', os: 'linux' }],
    ...data,
  },
  subscription_key: 'pratique',
  jpd_origin: 'https://acme.jfrog.io/',
  source: 'jfrog/alice',
  ...event,
});

export const ZOT_UPDATED = 'zotregistry.image.updated';
export const zotData = (change: object = {}) => ({
  name: 'shop/web',
  reference: '1.4',
  digest: DIGEST,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  manifest: '{}',
  ...change,
});
/** The same in one body. */
export const zot = (data: object = zotData(), type = ZOT_UPDATED) => ({
  specversion: '1.0',
  id: '1',
  source: 'zot',
  type,
  data,
});

/** One push of each. */
export const PUSHES: readonly (readonly [Sender, object])[] = [
  ['acr', acr()],
  ['ecr', ecr()],
  ['gar', gar()],
  ['dockerhub', dockerHub()],
  ['quay', quay()],
  ['jfrog', jfrog()],
  ['zot', zot()],
];
