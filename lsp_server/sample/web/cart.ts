export interface Item {
  name: string;
  price: number;
  amount: number;
}

export function total(items: Item[]): number {
  let sum = 0;
  for (const item of items) {
    
  }
  return sum;
}
