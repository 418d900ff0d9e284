//! DCE/RPC PDUs, NDR, reassembly and the activation messages, as engines without I/O.
