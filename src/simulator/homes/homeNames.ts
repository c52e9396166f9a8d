const trees = [
  ...['Ash', 'Birch', 'Cedar', 'Elm', 'Fir', 'Hazel', 'Holly', 'Ivy', 'Juniper', 'Larch', 'Linden'],
  ...['Maple', 'Oak', 'Olive', 'Pine', 'Poplar', 'Rowan', 'Spruce', 'Willow', 'Yew', 'Alder'],
  ...['Aspen', 'Beech', 'Cherry', 'Cypress', 'Elder', 'Hawthorn', 'Laurel', 'Myrtle', 'Plum'],
] as const

/** Gives homes short, different names: Ash, Birch, …, then Ash 2, Birch 2, … */
export function nameHomes(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const round = Math.floor(index / trees.length) + 1
    const tree = trees[index % trees.length] ?? ''
    return round === 1 ? tree : `${tree} ${round}`
  })
}
