interface Props { items: string[]; chosen?: number; }

export const Row = ({ label, on }: { label: string; on: boolean }): JSX.Element => on ? <b>{label}</b> : <i>{label}</i>;

export function List({ items, chosen = 0 }: Props): JSX.Element {
  const shown = items.filter((item) => item.length > 1 && item !== 'none');
  let total: number = 0;
  for (let i = 0; i < shown.length; i += 1) {
    total += shown[i].length * 2;
  }
  if (total >= 10 || chosen < 0) {
    return <p className="many">{total - 1}</p>;
  }
  return (
    <ul>
      {shown.map((item, at) => <Row key={at} label={`${item} ${at + 1}`} on={at === chosen} />)}
    </ul>
  );
}
