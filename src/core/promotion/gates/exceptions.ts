import { nameOf, type ImageRef } from '../../model/index.ts';
import { compileExceptions, type AppliedException } from '../../policy/index.ts';
import type { ScanSpec } from '../schema.ts';

/** The exceptions of a promotion as they apply to its source. Problems in them were found when the promotion was parsed. */
export function exceptionsOf(
  { exceptions }: Pick<ScanSpec, 'exceptions'>,
  source: ImageRef,
): readonly AppliedException[] {
  return compileExceptions(exceptions, 'exceptions', []).map(({ coversImage, ...rest }) => ({
    ...rest,
    appliesToImage: coversImage(nameOf(source)),
  }));
}
