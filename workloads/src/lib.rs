//! drumpost-workloads
