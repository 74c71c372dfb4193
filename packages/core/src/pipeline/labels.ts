/** `runs-on` asks for labels; `ubuntu-*` is answered by any Linux agent. */
export function labelsMatch(wanted: readonly string[], offered: readonly string[]): boolean {
  return wanted.every((label) => {
    const name = label.toLowerCase();
    if (offered.includes(name)) return true;
    return name.startsWith('ubuntu-') && offered.includes('linux');
  });
}
