/** Users who ask one request after the other until they are told to stop: what was not answered well. */
export function usersOf(ask: () => Promise<string>): { stop(): Promise<string[]> } {
  let running = true;
  const odd: string[] = [];
  const user = async () => {
    while (running) {
      const text = await ask();
      if (!text.startsWith('200')) odd.push(text);
    }
  };
  const users = [user(), user(), user(), user()];
  return {
    stop: async () => {
      running = false;
      await Promise.all(users);
      return odd;
    },
  };
}
