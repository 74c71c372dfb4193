import type { SpecialFunctions } from '@holdfast/core/analysis/ports.ts';
import gammaln from '@stdlib/math-base-special-gammaln';

export const specialFunctions: SpecialFunctions = { lnGamma: (x) => gammaln(x) };
