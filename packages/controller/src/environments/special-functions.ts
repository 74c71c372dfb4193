import gammaln from '@stdlib/math-base-special-gammaln';
import type { SpecialFunctions } from '@holdfast/core/analysis/ports.ts';

export const specialFunctions: SpecialFunctions = { lnGamma: (x) => gammaln(x) };
