/**
 * sfc32 (Chris Doty-Humphrey), seeded by whole numbers: the same numbers give the same stream, whoever asks
 * first. So a second of traffic at one weight is the same for every rule that looks at it.
 */
const WARM_ROUNDS = 12;
const CHUNK = 25;

export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(...seeds: readonly [number, number?, number?]) {
    this.a = mix(seeds[0]);
    this.b = mix((seeds[1] ?? 0) ^ 0x9e3779b9);
    this.c = mix((seeds[2] ?? 0) ^ 0x85ebca6b);
    for (let round = 0; round < WARM_ROUNDS; round += 1) this.next();
  }

  /** Uniform in [0, 1). */
  next(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    return (sum >>> 0) / 4_294_967_296;
  }

  /** Box–Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** By inversion, in chunks small enough for exp(-mean). */
  poisson(mean: number): number {
    let total = 0;
    for (let left = mean; left > 0; left -= CHUNK) total += this.poissonChunk(Math.min(left, CHUNK));
    return total;
  }

  private poissonChunk(mean: number): number {
    let count = 0;
    let chance = Math.exp(-mean);
    for (let rest = this.next(); rest >= chance && count < 10 * CHUNK; count += 1) {
      rest -= chance;
      chance *= mean / (count + 1);
    }
    return count;
  }

  /** By inversion; meant for n·p up to a few hundred and p well below one. */
  binomial(n: number, p: number): number {
    if (n === 0 || p <= 0) return 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - this.binomial(n, 1 - p);
    const odds = p / (1 - p);
    let chance = (1 - p) ** n;
    let count = 0;
    for (let rest = this.next(); rest >= chance && count < n; count += 1) {
      rest -= chance;
      chance *= (odds * (n - count)) / (count + 1);
    }
    return count;
  }
}

/** The finaliser of MurmurHash3. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
