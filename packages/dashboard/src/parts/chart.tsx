import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { drawMarks, type Mark } from './chart-marks.ts';

/** A small time chart, drawn by uPlot, in the page's colours and as wide as its place. */
export interface Series {
  readonly name: string;
  readonly tone: 'stable' | 'candidate' | 'allowed';
  readonly values: readonly (number | null)[];
  readonly fill?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly unit: string;
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly most?: number;
  readonly marks: readonly Mark[];
}

const HEIGHT = 200;

export function Chart({ title, unit, times, series, most, marks }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shown = useRef(marks);
  shown.current = marks;
  const shape = series.map((one) => `${one.name} ${one.tone}`).join();

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new plot only for another shape; data follows below
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    plot.current = new uPlot(
      {
        ...optionsFor(element, { unit, series, most }),
        hooks: { draw: [(drawn) => drawMarks(drawn, shown.current, getComputedStyle(element))] },
      },
      dataOf(times, series),
      element,
    );
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
    };
  }, [title, shape]);

  useEffect(() => {
    plot.current?.setData(dataOf(times, series));
  }, [times, series]);

  return (
    <figure className="panel chart">
      <figcaption>
        {title} <span className="muted">{unit}</span>
        <span className="legend">
          {series.map((one) => (
            <span key={one.name} className={one.tone}>
              {one.name}
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} />
    </figure>
  );
}

function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [times, ...series.map((one) => one.values)] as unknown as uPlot.AlignedData;
}

function optionsFor(
  element: HTMLElement,
  { unit, series, most }: Pick<ChartProps, 'unit' | 'series'> & { readonly most: number | undefined },
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false },
    scales: { y: { range: (_plot, _min, max) => [0, most ?? Math.max(max * 1.15, unit === 'ms' ? 10 : 1)] } },
    axes: [
      { ...axis, space: 70 },
      { ...axis, size: 44 },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.name,
        stroke: colour(`--${one.tone}`),
        width: one.tone === 'allowed' ? 1 : 2,
        ...(one.tone === 'allowed' ? { dash: [5, 4] } : {}),
        ...(one.fill ? { fill: `${colour(`--${one.tone}`)}33` } : {}),
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}
