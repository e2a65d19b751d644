/** What was made once and may be wanted again, within a size; what was wanted longest ago goes first. */

export class Kept<Value> {
  private readonly known = new Map<string, { value: Value; size: number }>();
  private size = 0;

  constructor(private readonly most: number) {}

  find(key: string): Value | undefined {
    const found = this.known.get(key);
    if (!found) return undefined;
    this.known.delete(key);
    this.known.set(key, found);
    return found.value;
  }

  keep(key: string, value: Value, size: number): void {
    if (size > this.most) return;
    this.forget(key);
    this.known.set(key, { value, size });
    this.size += size;
    for (const oldest of this.known.keys()) {
      if (this.size <= this.most) return;
      this.forget(oldest);
    }
  }

  private forget(key: string): void {
    this.size -= this.known.get(key)?.size ?? 0;
    this.known.delete(key);
  }
}
