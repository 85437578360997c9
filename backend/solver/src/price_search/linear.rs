//! Symmetric positive definite systems, sparse: LDLᵀ after an ordering of minimum degree.
//!
//! Source of the sparse factor: T. A. Davis, "Algorithm 849: a concise sparse Cholesky factorization package", 2005.

/// A matrix under construction: entries of the lower triangle, in any order, summed up where they meet.
pub struct Entries {
    size: usize,
    row: Vec<u32>,
    column: Vec<u32>,
    value: Vec<f64>,
    pub diagonal: Vec<f64>,
}

impl Entries {
    pub fn new(size: usize) -> Self {
        Entries { size, row: Vec::new(), column: Vec::new(), value: Vec::new(), diagonal: vec![0.0; size] }
    }

    pub fn add(&mut self, a: usize, b: usize, value: f64) {
        if a == b {
            self.diagonal[a] += value;
            return;
        }
        self.row.push(a.max(b) as u32);
        self.column.push(a.min(b) as u32);
        self.value.push(value);
    }

    pub fn sum(self) -> Symmetric {
        let (start, row, value) = self.columns();
        Symmetric { start, row, value, diagonal: self.diagonal }
    }

    /// The strict lower triangle by columns, each row once.
    fn columns(&self) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
        let mut start = vec![0; self.size + 1];
        self.column.iter().for_each(|c| start[*c as usize + 1] += 1);
        (0..self.size).for_each(|c| start[c + 1] += start[c]);
        let mut next = start.clone();
        let mut sorted = vec![(0, 0.0); self.row.len()];
        for ((row, column), value) in self.row.iter().zip(&self.column).zip(&self.value) {
            sorted[next[*column as usize]] = (*row, *value);
            next[*column as usize] += 1;
        }
        let (mut rows, mut values): (Vec<u32>, Vec<f64>) = (Vec::new(), Vec::new());
        let mut place = vec![usize::MAX; self.size];
        let mut merged = vec![0; self.size + 1];
        for column in 0..self.size {
            for (row, value) in &sorted[start[column]..start[column + 1]] {
                let at = &mut place[*row as usize];
                if *at != usize::MAX && *at >= merged[column] {
                    values[*at] += value;
                } else {
                    *at = rows.len();
                    rows.push(*row);
                    values.push(*value);
                }
            }
            merged[column + 1] = rows.len();
        }
        (merged, rows, values)
    }
}

/// A symmetric matrix: its diagonal, and what is under it by columns.
pub struct Symmetric {
    start: Vec<usize>,
    row: Vec<u32>,
    value: Vec<f64>,
    pub diagonal: Vec<f64>,
}

impl Symmetric {
    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        let mut product: Vec<f64> = self.diagonal.iter().zip(vector).map(|(d, x)| d * x).collect();
        for column in 0..vector.len() {
            for at in self.start[column]..self.start[column + 1] {
                let row = self.row[at] as usize;
                product[row] += self.value[at] * vector[column];
                product[column] += self.value[at] * vector[row];
            }
        }
        product
    }

    /// An order of elimination with little fill.
    pub fn order(&self) -> Vec<usize> {
        order(self.diagonal.len(), &self.start, &self.row)
    }

    /// Solves the rows and columns of `free`, given in the order of elimination, for a right side. A pivot under its
    /// least is raised to it.
    pub fn solve(&self, free: &[usize], least: &[f64], right: &[f64]) -> Vec<f64> {
        let mut place = vec![u32::MAX; self.diagonal.len()];
        free.iter().enumerate().for_each(|(number, row)| place[*row] = number as u32);
        let (mut start, mut rows, mut values) = (vec![0], Vec::new(), Vec::new());
        for column in free {
            for at in self.start[*column]..self.start[*column + 1] {
                let row = place[self.row[at] as usize];
                if row != u32::MAX {
                    rows.push(row);
                    values.push(self.value[at]);
                }
            }
            start.push(rows.len());
        }
        let n = free.len();
        let diagonal: Vec<f64> = free.iter().map(|row| self.diagonal[*row]).collect();
        let upper = Upper::new(n, &start, &rows, &values, diagonal);
        let tree = upper.tree();
        let least: Vec<f64> = free.iter().map(|row| least[*row]).collect();
        let mut solved: Vec<f64> = free.iter().map(|row| right[*row]).collect();
        upper.factor(&tree, &least).solve(&mut solved);
        solved
    }
}

/// An order of elimination with little fill; new to old.
fn order(n: usize, start: &[usize], rows: &[u32]) -> Vec<usize> {
    let starts: Vec<i64> = start.iter().map(|at| *at as i64).collect();
    let mut sorted: Vec<i64> = rows.iter().map(|row| i64::from(*row)).collect();
    (0..n).for_each(|column| sorted[start[column]..start[column + 1]].sort_unstable());
    match amd::order(n as i64, &starts, &sorted, &amd::Control::default()) {
        Ok((order, ..)) => order.iter().map(|row| *row as usize).collect(),
        Err(_) => (0..n).collect(),
    }
}

/// The upper triangle by columns, with the diagonal apart, in the order of elimination.
struct Upper {
    size: usize,
    start: Vec<usize>,
    row: Vec<usize>,
    value: Vec<f64>,
    diagonal: Vec<f64>,
}

struct Tree {
    parent: Vec<usize>,
    /// Entries of each column of the factor.
    count: Vec<usize>,
}

const NONE: usize = usize::MAX;

impl Upper {
    fn new(n: usize, start: &[usize], rows: &[u32], values: &[f64], diagonal: Vec<f64>) -> Self {
        let ends = |column: usize, row: u32| {
            let row = row as usize;
            (column.min(row), column.max(row))
        };
        let mut starts = vec![0; n + 1];
        for column in 0..n {
            rows[start[column]..start[column + 1]].iter().for_each(|row| starts[ends(column, *row).1 + 1] += 1);
        }
        (0..n).for_each(|c| starts[c + 1] += starts[c]);
        let mut next = starts.clone();
        let (mut row, mut value) = (vec![0; rows.len()], vec![0.0; rows.len()]);
        for column in 0..n {
            for entry in start[column]..start[column + 1] {
                let (up, down) = ends(column, rows[entry]);
                row[next[down]] = up;
                value[next[down]] = values[entry];
                next[down] += 1;
            }
        }
        Upper { size: n, start: starts, row, value, diagonal }
    }

    fn tree(&self) -> Tree {
        let n = self.size;
        let (mut parent, mut count, mut seen) = (vec![NONE; n], vec![0; n], vec![NONE; n]);
        for k in 0..n {
            seen[k] = k;
            for entry in self.start[k]..self.start[k + 1] {
                let mut i = self.row[entry];
                while seen[i] != k {
                    if parent[i] == NONE {
                        parent[i] = k;
                    }
                    count[i] += 1;
                    seen[i] = k;
                    i = parent[i];
                }
            }
        }
        Tree { parent, count }
    }

    fn factor(&self, tree: &Tree, least: &[f64]) -> Factor {
        let n = self.size;
        let mut start = vec![0; n + 1];
        (0..n).for_each(|c| start[c + 1] = start[c] + tree.count[c]);
        let mut next = start.clone();
        let (mut row, mut value) = (vec![0u32; start[n]], vec![0.0; start[n]]);
        let mut pivot = vec![0.0; n];
        let (mut work, mut seen) = (vec![0.0; n], vec![NONE; n]);
        let (mut pattern, mut path) = (vec![0; n], Vec::with_capacity(n));
        for k in 0..n {
            let mut top = n;
            seen[k] = k;
            for entry in self.start[k]..self.start[k + 1] {
                let mut i = self.row[entry];
                work[i] += self.value[entry];
                path.clear();
                while seen[i] != k {
                    path.push(i);
                    seen[i] = k;
                    i = tree.parent[i];
                }
                while let Some(i) = path.pop() {
                    top -= 1;
                    pattern[top] = i;
                }
            }
            let mut diagonal = self.diagonal[k];
            for i in &pattern[top..n] {
                let y = std::mem::take(&mut work[*i]);
                for at in start[*i]..next[*i] {
                    work[row[at] as usize] -= value[at] * y;
                }
                let l = y / pivot[*i];
                diagonal -= l * y;
                row[next[*i]] = k as u32;
                value[next[*i]] = l;
                next[*i] += 1;
            }
            pivot[k] = diagonal.max(least[k]);
        }
        Factor { start, row, value, pivot }
    }
}

struct Factor {
    start: Vec<usize>,
    row: Vec<u32>,
    value: Vec<f64>,
    pivot: Vec<f64>,
}

impl Factor {
    fn solve(&self, right: &mut [f64]) {
        let n = self.pivot.len();
        for j in 0..n {
            let x = right[j];
            (self.start[j]..self.start[j + 1]).for_each(|at| right[self.row[at] as usize] -= self.value[at] * x);
        }
        right.iter_mut().zip(&self.pivot).for_each(|(x, pivot)| *x /= pivot);
        for j in (0..n).rev() {
            let sum: f64 =
                (self.start[j]..self.start[j + 1]).map(|at| self.value[at] * right[self.row[at] as usize]).sum();
            right[j] -= sum;
        }
    }
}
