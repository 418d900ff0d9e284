//! Certificates of activation hosts: issuing, signing answers and verifying them.
