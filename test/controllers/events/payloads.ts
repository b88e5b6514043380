// Events in the documented formats of their senders, about images of these tests.

const DIGEST = `sha256:${'ab'.repeat(32)}`;

/** A notification of the distribution registry about a manifest. */
export function distributionPush(repository: string, tag?: string, host = 'registry.example.com') {
  const url = `https://${host}/v2/${repository}/manifests/${DIGEST}`;
  return {
    id: '320678d8-ca14-430f-8bb6-4ca139cd83f7',
    timestamp: '2026-03-09T14:44:26.402973972-08:00',
    action: 'push',
    target: {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: DIGEST,
      size: 708,
      length: 708,
      repository,
      url,
      ...(tag !== undefined && { tag }),
    },
    request: {
      id: '6df24a34-0959-4923-81ca-14f09767db19',
      addr: '192.0.2.64:42961',
      host,
      method: 'PUT',
      useragent: 'curl/7.38.0',
    },
    actor: { name: 'ci' },
    source: { addr: 'registry-0:5000', instanceID: 'a53db899-3b4b-4a62-a067-8dd013beaca4' },
  };
}

/** The same about a layer. */
export function distributionBlob(repository: string) {
  const event = distributionPush(repository);
  return { ...event, target: { ...event.target, mediaType: 'application/octet-stream' } };
}

/** The same about a tag that was deleted: without a digest. */
export function distributionDelete(repository: string, tag: string) {
  return { ...distributionPush(repository), action: 'delete', target: { repository, tag } };
}

/** A webhook of Harbor in its own form. */
export function harborPush(tag = '1.4', type = 'PUSH_ARTIFACT') {
  return {
    type,
    occur_at: 1_586_922_308,
    operator: 'admin',
    event_data: {
      resources: [
        { digest: DIGEST, tag, resource_url: `harbor.example.com/shop/web:${tag}` },
        { digest: DIGEST, tag: '1', resource_url: 'harbor.example.com/shop/web:1' },
      ],
      repository: {
        date_created: 1_586_922_308,
        name: 'web',
        namespace: 'shop',
        repo_full_name: 'shop/web',
        repo_type: 'private',
      },
    },
  };
}

/** A webhook of Harbor as a CloudEvent. */
export function harborCloudEvent() {
  const { event_data: data } = harborPush();
  return {
    specversion: '1.0',
    id: '4b2f89a6-548d-4c12-9993-a1f5790b97d2',
    source: '/projects/1/webhook/policies/3',
    type: 'harbor.artifact.pushed',
    datacontenttype: 'application/json',
    time: '2026-03-03T06:08:43Z',
    data,
    operator: 'harbor-jobservice',
  };
}

/** A webhook of GitHub about a container package; without a tag when that is empty. */
export function githubPackage(field: 'package' | 'registry_package', tag = '1.4') {
  return {
    action: 'published',
    [field]: {
      id: 1_234,
      name: 'shop/web',
      namespace: 'Acme',
      ecosystem: 'CONTAINER',
      package_type: 'CONTAINER',
      html_url: 'https://github.com/orgs/Acme/packages/container/package/shop%2Fweb',
      owner: { login: 'Acme' },
      package_version: {
        id: 5_678,
        version: DIGEST,
        name: DIGEST,
        container_metadata: { tag: { name: tag, digest: DIGEST }, labels: {}, manifest: {} },
        package_files: [],
        installation_command: `docker pull ghcr.io/acme/shop/web:${tag}`,
        package_url: `ghcr.io/acme/shop/web:${tag}`,
      },
      registry: { name: 'GitHub CONTAINER registry', type: 'CONTAINER' },
    },
    repository: { full_name: 'Acme/shop' },
    sender: { login: 'octocat' },
  };
}

/** What GitHub sends when a webhook is set up. */
export const GITHUB_PING = {
  zen: 'Keep it logically awesome.',
  hook_id: 1,
  hook: { type: 'Repository', events: ['package'], config: { content_type: 'json' } },
};
