// Tags that move while they are read, and answers that disagree.
import { digestOf } from '../../../../src/core/model/index.ts';
import type { Intercept, RegistryRequest } from '../../registry/index.ts';
import { amend, answer } from '../../registry/misbehave.ts';
import { asking, reading, type Knob } from '../knob.ts';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const tagged = reading('/manifests/1.0.0');
const byDigest = reading('/manifests/sha256:');
const headOnly = asking('HEAD', '/manifests/');
const getOnly = asking('GET', '/manifests/');

/** An image that no one has signed. */
const other = JSON.stringify({
  ...{ schemaVersion: 2, mediaType: OCI_MANIFEST, layers: [] },
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf('{}'), size: 2 },
});
const otherReply = {
  status: 200,
  headers: { 'content-type': OCI_MANIFEST, 'docker-content-digest': digestOf(other) },
  body: other,
};

/** Every second answer is about another image. */
function turning(which: (request: RegistryRequest) => boolean, first: number): Intercept {
  let seen = first;
  return (request) => {
    if (!which(request)) return undefined;
    seen += 1;
    return seen % 2 === 0 ? otherReply : undefined;
  };
}

const move = (name: string, misbehave: () => Intercept): Knob => ({
  ...{ id: 'F29', name, side: 'read', misbehave },
});

/** A registry that contradicts itself. */
export const MOVES: readonly Knob[] = [
  move('tag-moves-after-the-first-answer', () => turning(tagged, 0)),
  move('tag-moves-to-the-image', () => turning(tagged, 1)),
  move('digest-gives-another-image', () => answer(byDigest, otherReply)),
  move('head-reports-another-digest', () =>
    amend(headOnly, (reply) => ({
      ...reply,
      headers: { ...reply.headers, 'docker-content-digest': digestOf('other') },
    })),
  ),
  move('head-404-and-get-200', () => answer(headOnly, { status: 404 })),
  move('head-200-and-get-404', () => answer(getOnly, { status: 404 })),
  move('head-405', () => answer(headOnly, { status: 405 })),
  move('head-without-digest', () =>
    amend(headOnly, (reply) => ({ ...reply, headers: { 'content-type': OCI_MANIFEST } })),
  ),
];
