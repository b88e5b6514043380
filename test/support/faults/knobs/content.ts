// Manifests and indexes that are too large, too deep, ambiguous or of another kind.
import { digestOf } from '../../../../src/core/model/index.ts';
import { answer } from '../../registry/misbehave.ts';
import {
  pushBlob,
  pushImage,
  pushIndex,
  pushManifest,
  type Pushed,
  type Target,
} from '../../registry/push.ts';
import { heavy, type Knob } from '../knob.ts';

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const MIB = 1024 * 1024;
const LINUX = { os: 'linux', architecture: 'amd64' };

/** The image of a registry has this content; `change` gives the text of its manifest. */
const content = (id: string, name: string, change: (text: string) => string): Knob => ({
  ...{ id, name, side: 'read' },
  push: (place) => pushText(place, change),
});

async function pushText(place: Target, change: (text: string) => string): Promise<Pushed> {
  const untagged = { registry: place.registry, repository: place.repository };
  const { body } = await pushImage(untagged);
  const bytes = Buffer.from(change(JSON.stringify(body)));
  const digest = digestOf(bytes);
  const address = `http://${place.registry}/v2/${place.repository}/manifests/${place.tag ?? digest}`;
  const stored = await fetch(address, {
    method: 'PUT',
    headers: { 'content-type': OCI_MANIFEST },
    body: bytes,
  });
  if (!stored.ok) throw new Error(`the manifest is answered ${stored.status}`);
  const { registry, repository } = place;
  return {
    digest,
    size: bytes.byteLength,
    mediaType: OCI_MANIFEST,
    body,
    reference: `${registry}/${repository}@${digest}`,
  };
}

const large = (name: string, change: (text: string) => string): Knob => heavy(content('F20', name, change));

/** Adds a field with this text at the end of a manifest. */
const adding = (field: string) => (text: string) => `${text.slice(0, -1)},${field}}`;
const annotations = (count: number, length: number): string =>
  `"annotations":{${Array.from({ length: count }, (_, n) => `"k${n}":"${'v'.repeat(length)}"`).join(',')}}`;

const CHILDREN = `"manifests":[{"mediaType":"${OCI_MANIFEST}","digest":"${digestOf('child')}","size":9}]`;

/** Indexes in indexes, so many levels of them. */
async function nested(place: Target, levels: number): Promise<Pushed> {
  const { registry, repository } = place;
  let below: Pushed = await pushImage({ registry, repository }, { platform: LINUX });
  for (let level = 1; level < levels; level += 1)
    below = await pushIndex({ registry, repository }, { manifests: [{ ...below, platform: LINUX }] });
  return pushIndex(place, { manifests: [{ ...below, platform: LINUX }] });
}

/** An index of so many images that are not there. */
async function wide(place: Target, count: number): Promise<Pushed> {
  const manifests = Array.from({ length: count }, (_, n) => ({
    ...{ mediaType: OCI_MANIFEST, digest: digestOf(`child ${n}`), size: 500, platform: LINUX },
  }));
  return pushManifest(place, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
}

async function withConfig(place: Target, bytes: number): Promise<Pushed> {
  const text = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},"author":"${'x'.repeat(bytes)}"}`;
  const config = await pushBlob(place, { mediaType: CONFIG, bytes: text });
  return pushManifest(place, { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] });
}

const circle = (link: 'itself' | 'another'): Knob => ({
  ...{ id: 'F19', name: `index-that-lists-${link}`, side: 'read' },
  misbehave: ({ image }) => {
    const child = {
      mediaType: OCI_INDEX,
      digest: link === 'itself' ? image.digest : digestOf('another'),
      size: 300,
    };
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [{ ...child, platform: LINUX }],
    });
    return answer('/manifests/', { status: 200, headers: { 'content-type': OCI_INDEX }, body });
  },
});

/** Content by which a registry or a publisher of images could keep a reader busy, or mean two things. */
export const CONTENT: readonly Knob[] = [
  circle('itself'),
  circle('another'),
  { id: 'F19', name: 'indexes-of-4-levels', side: 'read', push: (place) => nested(place, 4) },
  { id: 'F19', name: 'indexes-of-20-levels', side: 'read', push: (place) => nested(place, 20) },
  { id: 'F19', name: 'index-of-5000-images', side: 'read', push: (place) => wide(place, 5_000) },
  large('manifest-of-4-mib', (text) => text + ' '.repeat(4 * MIB - text.length)),
  large('50000-annotations', adding(annotations(50_000, 40))),
  large('annotation-of-3-mib', adding(annotations(1, 3 * MIB))),
  large('json-of-100000-levels', adding(`"deep":${'['.repeat(100_000)}${']'.repeat(100_000)}`)),
  large('json-of-15000-levels', adding(`"deep":${'['.repeat(15_000)}${']'.repeat(15_000)}`)),
  large('json-of-two-million-values', adding(`"many":[${'0,'.repeat(2_000_000)}0]`)),
  large('300000-empty-objects', adding(`"layers2":[${'{},'.repeat(300_000)}{}]`)),
  content('F21', 'layers-twice', adding('"layers":[]')),
  content('F21', 'config-twice', (text) =>
    text.replace('{', `{"config":{"mediaType":"${CONFIG}","digest":"${digestOf('a')}","size":1},`),
  ),
  content('F21', 'manifests-in-capitals', adding('"Manifests":[]')),
  content('F21', 'manifest-with-no-manifests', adding('"manifests":[]')),
  content('F21', 'manifest-and-index', adding(CHILDREN)),
  content('F21', 'manifest-and-index-without-type', (text) =>
    adding(CHILDREN)(text.replace(`"mediaType":"${OCI_MANIFEST}",`, '')),
  ),
  content('F21', 'name-with-an-escape', adding('"\\u006cayers":[]')),
  content('F21', 'schema-1', (text) => text.replace('"schemaVersion":2', '"schemaVersion":1,"fsLayers":[]')),
  content('F22', 'unknown-media-type', (text) =>
    text.replace(OCI_MANIFEST, 'application/vnd.example.unknown+json'),
  ),
  content('F22', 'unknown-config-type', (text) =>
    text.replace(CONFIG, 'application/vnd.example.config+json'),
  ),
  content('F22', 'layer-of-an-odd-size', (text) => text.replace(/"size":\d+}\]/, '"size":-1}]')),
  content('F22', 'layer-of-a-pebibyte', (text) => text.replace(/"size":\d+}\]/, '"size":1125899906842624}]')),
  heavy({ id: 'F22', name: 'config-of-8-mib', side: 'read', push: (place) => withConfig(place, 8 * MIB) }),
];
