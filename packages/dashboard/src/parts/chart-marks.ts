import type uPlot from 'uplot';
import type { Tone } from '../data/words.ts';

/** A moment at which something happened, drawn through a chart. */
export interface Mark {
  /** Seconds since 1970. */
  readonly at: number;
  readonly label: string;
  readonly tone: Tone;
}

const COLOURS: { readonly [tone in Tone]: string } = {
  good: '--good',
  bad: '--bad',
  busy: '--muted',
  warn: '--warn',
  calm: '--muted',
};
const GAP = 4;

/** A thin line each, named at the top where there is room for the name. */
export function drawMarks(plot: uPlot, marks: readonly Mark[], style: CSSStyleDeclaration): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * scale}px system-ui`;
  ctx.textBaseline = 'top';
  ctx.textAlign = 'left';
  ctx.lineWidth = scale;
  ctx.setLineDash([2 * scale, 3 * scale]);
  let free = bbox.left;
  for (const { at, label, tone } of marks) {
    const x = plot.valToPos(at, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = style.getPropertyValue(COLOURS[tone]).trim();
    ctx.fillStyle = ctx.strokeStyle;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const width = ctx.measureText(label).width + 2 * GAP * scale;
    const left = x + width > bbox.left + bbox.width ? x - width : x;
    if (left < free) continue;
    ctx.fillText(label, left + GAP * scale, bbox.top + GAP * scale);
    free = left + width;
  }
  ctx.restore();
}
