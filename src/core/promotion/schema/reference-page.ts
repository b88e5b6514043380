import { referencePage } from '../../policy/index.ts';
import { IMAGE_PROMOTION_KIND, IMAGE_PROMOTION_RUN_KIND, PROMOTION_APPROVAL_KIND } from './crd.ts';

/** The reference pages of promotion in Markdown, by their name below `docs/reference`. */
export function promotionReferences(): ReadonlyMap<string, string> {
  return new Map([
    [
      'image-promotion.md',
      referencePage(
        IMAGE_PROMOTION_KIND,
        'Secrets and ServiceAccounts are those of its own namespace. Deleting an ImagePromotion touches no registry. Unknown fields are an error.',
      ),
    ],
    [
      'image-promotion-run.md',
      referencePage(
        IMAGE_PROMOTION_RUN_KIND,
        'Written by the controller and never changed; what came of it stands in its status.',
      ),
    ],
    [
      'promotion-approval.md',
      referencePage(
        PROMOTION_APPROVAL_KIND,
        'Who may create one may let images pass: grant it apart from the right to edit promotions.',
      ),
    ],
  ]);
}
