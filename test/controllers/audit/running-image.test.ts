import { expect } from 'chai';
import { digestOf, formatReference } from '../../../src/core/model/index.ts';
import { runningImage } from '../../../src/controllers/audit/running-pods.ts';

const DIGEST = digestOf('manifest');
const OTHER = digestOf('other');
const WEB = 'registry.example.com/shop/web';

interface Row {
  readonly it: string;
  readonly image?: string;
  readonly imageID: string;
  readonly role?: 'container' | 'volume';
  /** The reference to judge, or the state. */
  readonly is: string;
  readonly pulledAs?: string;
}

const rows: readonly Row[] = [
  { it: 'takes the digest of containerd and CRI-O', imageID: `${WEB}@${DIGEST}`, is: `${WEB}:1.4@${DIGEST}` },
  {
    it: 'takes the digest of dockershim',
    imageID: `docker-pullable://${WEB}@${DIGEST}`,
    is: `${WEB}:1.4@${DIGEST}`,
  },
  {
    it: 'keeps the name of the spec when a mirror was asked',
    imageID: `mirror.example.net/cache/web@${DIGEST}`,
    is: `${WEB}:1.4@${DIGEST}`,
    pulledAs: 'mirror.example.net/cache/web',
  },
  {
    it: 'knows Docker Hub by its other names',
    image: 'nginx',
    imageID: `index.docker.io/library/nginx@${DIGEST}`,
    is: `docker.io/library/nginx:latest@${DIGEST}`,
  },
  {
    it: 'believes the digest of the spec, whatever the node reports',
    image: `${WEB}@${OTHER}`,
    imageID: `${WEB}@${DIGEST}`,
    is: `${WEB}@${OTHER}`,
  },
  {
    it: 'needs no node for the digest of the spec',
    image: `${WEB}:1.4@${OTHER}`,
    imageID: '',
    is: `${WEB}:1.4@${OTHER}`,
  },
  { it: 'waits for a container that is not started', imageID: '', is: 'waiting' },
  { it: 'learns nothing from the digest of a configuration', imageID: DIGEST, is: 'unclear' },
  { it: 'learns nothing from an image ID of Docker', imageID: `docker://${DIGEST}`, is: 'unclear' },
  { it: 'learns nothing from a name without digest', imageID: `${WEB}:1.4`, is: 'unclear' },
  { it: 'learns nothing from a digest that is none', imageID: `${WEB}@sha256:12`, is: 'unclear' },
  { it: 'does not know which digest an image volume has', imageID: '', role: 'volume', is: 'unclear' },
  {
    it: 'knows the digest of an image volume from the spec',
    image: `${WEB}@${OTHER}`,
    imageID: '',
    role: 'volume',
    is: `${WEB}@${OTHER}`,
  },
  {
    it: 'says when the reference cannot be read',
    image: 'Acme/Web',
    imageID: `x@${DIGEST}`,
    is: 'unreadable',
  },
];

describe('which image a container runs', () => {
  for (const { it: title, image = `${WEB}:1.4`, imageID, role = 'container', is, pulledAs } of rows) {
    it(title, () => {
      const running = runningImage({ image, imageID, role });
      const short = running.state === 'known' ? formatReference(running.image) : running.state;
      expect(short).to.equal(is);
      expect(running.state === 'known' ? running.pulledAs : undefined).to.equal(pulledAs);
      if (running.state === 'unclear') expect(running.reason.code).to.equal('UnreadableEvidence');
    });
  }
});
