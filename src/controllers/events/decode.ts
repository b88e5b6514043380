import { problem, type Parsed } from '../../core/model/index.ts';
import { readDistribution } from './distribution.ts';
import { readGeneric } from './generic.ts';
import { readGithub } from './github.ts';
import { readHarbor } from './harbor.ts';
import type { Sender } from './ports.ts';
import type { PushedImage, ReadEvents } from './pushed-image.ts';

const READ: Readonly<Record<Sender, ReadEvents>> = {
  distribution: readDistribution,
  harbor: readHarbor,
  ghcr: readGithub,
  generic: readGeneric,
};

/**
 * Reads the body of an event: the images that were pushed, none when it tells of something else, or every field that is wrong.
 * `registry` stands in for the host that the sender names.
 */
export function decode(
  sender: Sender,
  body: Uint8Array,
  registry: string | undefined,
): Parsed<readonly PushedImage[]> {
  const json = readJson(body);
  return json === undefined ? problem('', 'is not JSON in UTF-8') : READ[sender](json, registry);
}

function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch {
    return undefined;
  }
}
