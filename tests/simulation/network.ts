import type { SimController } from './sim-controller.ts';
import type { SimMachine } from './sim-machine.ts';
import type { World } from './world.ts';

/**
 * Between machines and controllers: messages take their time, overtake each other, arrive twice, or
 * arrive while their answers do not. A cut line swallows everything without a word.
 */
export class Network {
  private readonly world: World;
  private readonly cut = new Set<string>();
  /** Shares of messages. */
  rates = { lost: 0, answerLost: 0, twice: 0, slow: 0 };

  constructor(world: World) {
    this.world = world;
  }

  cutOff(machine: SimMachine, controller: number): void {
    this.cut.add(`${machine.name} ${controller}`);
  }

  heal(): void {
    this.cut.clear();
    this.rates = { lost: 0, answerLost: 0, twice: 0, slow: 0 };
  }

  call<Answer>(
    from: SimMachine,
    favourite: number,
    work: (controller: SimController) => Promise<Answer>,
    answered: (answer: Answer) => void,
    failed: (error: unknown) => void,
  ): void {
    const { random, scheduler, controllers } = this.world;
    const number = favourite % controllers.length;
    const line = `${from.name} ${number}`;
    const arrive = () => {
      if (this.cut.has(line) || random.chance(this.rates.lost)) return;
      const controller = controllers[number];
      if (!controller) return scheduler.after(2, () => failed(new Error('connection refused')));
      const back = (tell: () => void) =>
        scheduler.after(this.delay(), () => {
          if (!this.cut.has(line) && !random.chance(this.rates.answerLost)) tell();
        });
      work(controller).then(
        (answer) => back(() => answered(answer)),
        (error: unknown) => back(() => failed(error)),
      );
    };
    scheduler.after(this.delay(), arrive);
    if (random.chance(this.rates.twice)) scheduler.after(this.delay() * 3, arrive);
  }

  private delay(): number {
    const { random } = this.world;
    return random.chance(this.rates.slow) ? random.between(100, 4_000) : random.between(1, 30);
  }
}
