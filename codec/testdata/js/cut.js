// FORMAT.md, section 3: where nodes begin.

export const W = 1280
export const M = 3840
export const S = 1280

// cuts returns the indexes at which the nodes of a level begin, for items with
// ascending keys. weights and p1 are arrays; p2 makes a second priority of p1.
export function cuts (weights, p1, p2) {
  const n = weights.length
  const off = new Float64Array(n + 1) // exact up to 2^53
  for (let i = 0; i < n; i++) off[i + 1] = off[i] + weights[i]
  const end = off[n]
  if (end <= M) return n > 0 ? [0] : []

  // Of equal priorities that of the smaller key, which comes first, is smaller.
  const smallest = (i) => {
    for (let j = i - 1; j >= 0 && off[i] - off[j] < W; j--) if (p1[j] <= p1[i]) return false
    for (let j = i + 1; j < n && off[j] - off[i] < W; j++) if (p1[j] < p1[i]) return false
    return true
  }
  const first = [0]
  for (let i = 1; i < n; i++) {
    if (off[i] >= W && end - off[i] >= W && smallest(i)) first.push(i)
  }

  const all = []
  first.push(n)
  for (let g = 0; g + 1 < first.length; g++) {
    all.push(first[g])
    const gaps = [[first[g], first[g + 1]]]
    while (gaps.length > 0) {
      const [a, b] = gaps.pop()
      if (off[b] - off[a] <= M) continue
      let best = -1
      let least
      for (let i = a + 1; i < b; i++) {
        if (off[i] - off[a] < W || off[b] - off[i] < W) continue
        const p = p2(p1[i])
        if (best < 0 || p < least) [best, least] = [i, p]
      }
      all.push(best)
      gaps.push([a, best], [best, b])
    }
  }
  return all.sort((x, y) => x - y)
}
