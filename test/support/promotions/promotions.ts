import { expect } from 'chai';
import type { Parsed } from '../../../src/core/model/index.ts';
import { parsePromotion, type ImagePromotionSpec } from '../../../src/core/promotion/index.ts';
import type { TagSelection } from '../../../src/core/promotion/schema.ts';

/** A part of a document as a person writes it. */
export type Written = Readonly<Record<string, unknown>>;

/** A minimal promotion, with more or other fields of its spec. */
export function promotionSpec(more: Written = {}): Written {
  return {
    source: { repository: 'registry.example.com/quarantine/node' },
    target: { repository: 'registry.example.com/golden/node' },
    tags: { semver: ['>=22 <25'] },
    ...('mirror' in more ? {} : { promote: {} }),
    ...more,
  };
}

/** A document of a kind of promotion. */
export function promotionObject(kind: string, spec: Written): Written {
  return {
    apiVersion: 'pratique.dev/v1alpha1',
    kind,
    metadata: { name: 'node-to-golden', namespace: 'platform' },
    spec,
  };
}

/** An ImagePromotion with more or other fields of its spec. */
export const promotionDocument = (more: Written = {}): Written =>
  promotionObject('ImagePromotion', promotionSpec(more));

/** The spec of an ImagePromotion that can be read, with its defaults. */
export function readSpec(more: Written = {}): ImagePromotionSpec {
  return valueOf(parsePromotion(promotionDocument(more))).spec;
}

/** A selection of tags as it is read. */
export const readTags = (tags: Written): TagSelection => readSpec({ tags }).tags;

/** What was read; a failure shows the problems. */
export function valueOf<T>(read: Parsed<T>): T {
  expect(read.ok, JSON.stringify(read)).to.be.true;
  return read.ok ? read.value : (undefined as never);
}

/** Where the problems are. */
export const pathsOf = (read: Parsed<unknown>): readonly string[] =>
  read.ok ? [] : read.problems.map(({ path }) => path);

/** A digest of one letter. */
export const digestOfLetter = (letter: string): string => `sha256:${letter.repeat(64)}`;
