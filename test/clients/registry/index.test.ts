import { anonymous, createRegistry } from '../../../src/clients/registry/index.ts';
import { describeRegistryPorts, type Prepared } from '../../support/contracts/registry-ports.ts';
import { startRegistry, type RegistryOptions } from '../../support/registry/index.ts';
import { pushImage, pushReferrer, pushTag } from '../../support/registry/push.ts';

async function prepare(options: RegistryOptions): Promise<Prepared> {
  const registry = await startRegistry(options);
  const source = createRegistry({ keychain: anonymous, now: () => new Date() });
  const target = { registry: registry.host, repository: 'shop/web' };
  const image = await pushImage({ ...target, tag: '1.0' });
  await pushTag(target, '1.1', image);
  const text = 'a note about the image';
  const referrer = await pushReferrer(target, {
    subject: image,
    artifactType: 'application/vnd.example.note',
    blobs: [{ mediaType: 'text/plain', bytes: text }],
  });
  return {
    source,
    repository: target,
    image: image.digest,
    referrer: referrer.digest,
    text,
    done: async () => {
      await source.close();
      await registry.close();
    },
  };
}

describeRegistryPorts('a registry with the referrers API', () => prepare({ referrersApi: true }));
describeRegistryPorts('a registry with fallback tags', () => prepare({ referrersApi: false }));
