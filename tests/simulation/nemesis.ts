import { SimAgent } from './sim-agent.ts';
import { SimController } from './sim-controller.ts';
import type { SimMachine } from './sim-machine.ts';
import type { World } from './world.ts';

/** What goes wrong: one thing after another, each undone after a while, all of it undone at the end. */
export class Nemesis {
  private readonly world: World;
  private active = true;

  constructor(world: World) {
    this.world = world;
    this.next();
  }

  /** From now on nothing is wrong any more. */
  heal(): void {
    this.active = false;
    const { world } = this;
    world.note('heal');
    world.network.heal();
    for (const [number, controller] of world.controllers.entries()) {
      if (!controller) world.controllers[number] = new SimController(world);
      else {
        controller.resume();
        controller.store.databaseAway = false;
        controller.store.lostAnswers = 0;
      }
    }
    for (const machine of world.machines) {
      machine.agent?.resume();
      machine.agent ??= new SimAgent(world, machine);
    }
  }

  private next(): void {
    const { scheduler, random } = this.world;
    scheduler.after(random.between(200, 6_000), () => {
      if (!this.active) return;
      this.strike();
      this.next();
    });
  }

  private undo(ms: number, action: () => void): void {
    this.world.scheduler.after(ms, () => {
      if (this.active) action();
    });
  }

  private strike(): void {
    const { random, machines, controllers, network } = this.world;
    const machine = random.pick(machines);
    const number = random.between(0, controllers.length - 1);
    random.pick([
      () => this.killAgent(machine),
      () => this.loseMachine(machine),
      () => this.pauseAgent(machine),
      () => this.killController(number),
      () => this.pauseController(number),
      () => this.takeDatabase(number),
      () => this.loseAnswers(number),
      () => {
        this.world.note(`${machine.name} is cut off from controller ${number}`);
        network.cutOff(machine, number);
        this.undo(random.between(500, 25_000), () => network.heal());
      },
      () => {
        this.world.note('the network is bad');
        network.rates = { lost: 0.1, answerLost: 0.15, twice: 0.2, slow: 0.1 };
        this.undo(random.between(1_000, 20_000), () => network.heal());
      },
    ])();
  }

  private killAgent(machine: SimMachine): void {
    this.world.note(`the agent of ${machine.name} is killed`);
    machine.killAgent();
    this.undo(this.world.random.between(50, 20_000), () => this.start(machine));
  }

  private loseMachine(machine: SimMachine): void {
    const diskToo = this.world.random.chance(0.5);
    this.world.note(`${machine.name} is lost${diskToo ? ' with its disk' : ''}`);
    machine.lose(diskToo);
    this.undo(this.world.random.between(500, 30_000), () => this.start(machine));
  }

  private start(machine: SimMachine): void {
    machine.agent ??= new SimAgent(this.world, machine);
  }

  private pauseAgent(machine: SimMachine): void {
    const { agent } = machine;
    if (!agent) return;
    this.world.note(`the agent of ${machine.name} stands still`);
    agent.pause();
    this.undo(this.world.random.between(500, 20_000), () => agent.resume());
  }

  private killController(number: number): void {
    const { controllers, random } = this.world;
    this.world.note(`controller ${number} is killed`);
    controllers[number]?.die();
    controllers[number] = null;
    this.undo(random.between(100, 15_000), () => {
      controllers[number] ??= new SimController(this.world);
    });
  }

  private pauseController(number: number): void {
    const controller = this.world.controllers[number];
    if (!controller) return;
    this.world.note(`controller ${number} stands still`);
    controller.pause();
    this.undo(this.world.random.between(500, 20_000), () => controller.resume());
  }

  private takeDatabase(number: number): void {
    const { controllers, random } = this.world;
    const all = random.chance(0.5);
    this.world.note(all ? 'the database is away' : `the database is away for controller ${number}`);
    const hit = all ? controllers : [controllers[number]];
    for (const controller of hit) if (controller) controller.store.databaseAway = true;
    this.undo(random.between(200, 25_000), () => {
      for (const controller of hit) if (controller) controller.store.databaseAway = false;
    });
  }

  private loseAnswers(number: number): void {
    const controller = this.world.controllers[number];
    if (!controller) return;
    this.world.note(`controller ${number} commits and does not hear of it`);
    controller.store.lostAnswers = 0.3;
    this.undo(this.world.random.between(500, 15_000), () => {
      controller.store.lostAnswers = 0;
    });
  }
}
