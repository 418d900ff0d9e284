//! The documented codes: symbols are those of the platform's headers, the sentences are ours.

use crate::{StatusCode, StatusInfo};

macro_rules! table {
    ($($code:literal $($name:ident)? $symbol:literal $meaning:literal $remedy:literal;)*) => {
        impl StatusCode {
            $($(
                #[doc = $meaning]
                pub const $name: Self = Self($code);
            )?)*
        }

        pub(crate) const TABLE: &[StatusInfo] = &[
            $(StatusInfo { code: StatusCode($code), symbol: $symbol, meaning: $meaning, remedy: $remedy },)*
        ];
    };
}

table! {
    0x0000_0000
        "S_OK"
        "The operation succeeded."
        "Nothing needs to be done.";
    0x4004_F00C OOB_GRACE_PERIOD
        "SL_I_OOB_GRACE_PERIOD"
        "The product runs in its initial grace period."
        "Activate it before the period ends.";
    0x4004_F00D OOT_GRACE_PERIOD
        "SL_I_OOT_GRACE_PERIOD"
        "The product runs in its additional grace period: the activation ran out, or the hardware changed beyond tolerance."
        "Make an activation host reachable and activate again before the period ends.";
    0x4004_F040 VL_INFO_PRODUCT_USER_RIGHT
        "SL_I_VL_INFO_PRODUCT_USER_RIGHT"
        "The product was activated; its use remains bound to the licence terms."
        "Check that the licence terms cover this use.";
    0x4004_F065 NONGENUINE_GRACE_PERIOD_INFO
        "SL_I_NONGENUINE_GRACE_PERIOD"
        "The product runs in its non-genuine grace period."
        "Install a genuine licence and activate before the period ends.";
    0x8004_FE21 NOT_RUNNING_GENUINE
        ""
        "The installation did not pass genuine validation: unlicensed language packs or altered files are the usual causes."
        "Remove what is not licensed, or install the product again.";
    0x8007_0005 ACCESS_DENIED
        "E_ACCESSDENIED"
        "Access was denied: the operation needs elevated rights."
        "Run the command as an administrator.";
    0x8007_000D INVALID_DATA
        "HRESULT_FROM_WIN32(ERROR_INVALID_DATA)"
        "The host found the request malformed: a length, version, reserved bit, status or name is wrong."
        "Use a client that speaks the host's protocol version.";
    0x8007_007B INVALID_NAME
        "HRESULT_FROM_WIN32(ERROR_INVALID_NAME)"
        "No activation host could be named: DNS holds no SRV record for it, or this machine has no primary DNS suffix."
        "Check the machine's DNS suffix and that a host publishes its SRV record, or set the host by hand.";
    0x8007_00AA BUSY
        "HRESULT_FROM_WIN32(ERROR_BUSY)"
        "The host refused for load or by a rate limit."
        "Try again later; if it goes on, raise the host's limits or add a host.";
    0x8007_0490 NOT_FOUND
        "HRESULT_FROM_WIN32(ERROR_NOT_FOUND)"
        "The product key did not work for this product."
        "Install a key that fits the product's edition.";
    0x8007_05B4 TIMEOUT
        "HRESULT_FROM_WIN32(ERROR_TIMEOUT)"
        "The peer did not answer in time."
        "Check that the server runs and that the network between carries its port.";
    0x8007_06BA RPC_SERVER_UNAVAILABLE
        "HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE)"
        "The activation host could not be reached: a firewall closes its port, it is down, or its SRV record is stale."
        "Check that the host runs and that its TCP port (1688 unless changed) is open; remove SRV records of hosts that are gone.";
    0x8007_2328 DNS_RESPONSE_CODES_BASE
        "HRESULT_FROM_WIN32(DNS_ERROR_RESPONSE_CODES_BASE)"
        "The DNS request failed without a closer reason."
        "Check the DNS server and the network between.";
    0x8007_2329 DNS_FORMAT_ERROR
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_FORMAT_ERROR)"
        "The DNS server could not read the request."
        "Check that the server supports what is asked, as SRV records and dynamic update.";
    0x8007_232A DNS_SERVER_FAILURE
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_SERVER_FAILURE)"
        "The DNS server failed."
        "Check the DNS server and the network between.";
    0x8007_232B DNS_NAME_ERROR
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_NAME_ERROR)"
        "The DNS name does not exist: no activation host is published in the domains searched."
        "Check that a host is installed and publishes, and the client's suffix list; else set the host by hand.";
    0x8007_232C DNS_NOT_IMPLEMENTED
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_NOT_IMPLEMENTED)"
        "The DNS server does not support the request, as dynamic update."
        "Allow dynamic updates on the server, or create the records by hand and turn publishing off.";
    0x8007_232D DNS_REFUSED
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_REFUSED)"
        "The DNS server refused the request."
        "Where a host publishes, give its key the right to update the zone; where a client asks, let the server answer it.";
    0x8007_232E DNS_YXDOMAIN
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_YXDOMAIN)"
        "A DNS name exists that should not."
        "Look at the zone for a conflicting record.";
    0x8007_232F DNS_YXRRSET
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_YXRRSET)"
        "A DNS record set exists that should not."
        "Look at the zone for a conflicting record.";
    0x8007_2330 DNS_NXRRSET
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_NXRRSET)"
        "A DNS record set that should exist does not."
        "Look at the zone for the missing record.";
    0x8007_2331 DNS_NOTAUTH
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_NOTAUTH)"
        "The DNS server is not authoritative for the zone, or does not accept the key."
        "Send updates to the zone's primary server, with a key that it knows.";
    0x8007_2332 DNS_NOTZONE
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_NOTZONE)"
        "A name in the update lies outside the zone."
        "Publish the host under a name inside the domain.";
    0x8007_2338 DNS_BADSIG
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_BADSIG)"
        "The DNS server did not accept the signature: it lacks the key, or another host owns the record."
        "Give every host the right to update the record set, and check the shared secret.";
    0x8007_2339 DNS_BADKEY
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_BADKEY)"
        "The DNS server does not know the key that signed the update."
        "Configure the same key name, algorithm and secret on the server and the host.";
    0x8007_233A DNS_BADTIME
        "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_BADTIME)"
        "The clocks of the host and the DNS server are too far apart for a signed update."
        "Mend the time synchronisation of both.";
    0x8007_251D DNS_NO_RECORDS
        "HRESULT_FROM_WIN32(DNS_INFO_NO_RECORDS)"
        "The name exists in DNS, but has no SRV records."
        "Check that a host publishes its record in this domain, or set the host by hand.";
    0x8007_251E DNS_BAD_PACKET
        "HRESULT_FROM_WIN32(DNS_ERROR_BAD_PACKET)"
        "The DNS answer could not be read or trusted."
        "Check the DNS server and what stands between.";
    0x8009_2328 DNS_NAME_DOES_NOT_EXIST
        ""
        "The DNS name does not exist."
        "Check that a host is installed and publishes its SRV record; else set the host by hand.";
    0xC004_B100 SRV_GENERAL_ERROR
        "SL_E_SRV_GENERAL_ERROR"
        "The activation authority determined that the product could not be activated."
        "Check that the key is valid and meant for this product.";
    0xC004_C001 CHPA_PRODUCT_KEY_OUT_OF_RANGE
        "SL_E_CHPA_PRODUCT_KEY_OUT_OF_RANGE"
        "The activation authority determined that the product key is invalid."
        "Install a valid key.";
    0xC004_C003 CHPA_PRODUCT_KEY_BLOCKED
        "SL_E_CHPA_PRODUCT_KEY_BLOCKED"
        "The activation authority has blocked the product key."
        "Ask for a new key.";
    0xC004_C008 CHPA_MAXIMUM_UNLOCK_EXCEEDED
        "SL_E_CHPA_MAXIMUM_UNLOCK_EXCEEDED"
        "The host key has been activated too often: it serves at most 6 hosts, each activated at most 10 times."
        "Ask for more activations of the key.";
    0xC004_C020 CHPA_DMAK_LIMIT_EXCEEDED
        "SL_E_CHPA_DMAK_LIMIT_EXCEEDED"
        "The multiple activation key has reached its limit."
        "Ask for more activations of the key.";
    0xC004_C021 CHPA_DMAK_EXTENSION_LIMIT_EXCEEDED
        "SL_E_CHPA_DMAK_EXTENSION_LIMIT_EXCEEDED"
        "The multiple activation key has reached the limit of its extension."
        "Ask for more activations of the key.";
    0xC004_D307 MAX_REARM_REACHED
        "SL_REMAPPING_SP_PUB_TS_MAX_REARM_REACHED"
        "The allowed number of rearms has been used up."
        "Activate the product, or install it again.";
    0xC004_F009 GRACE_TIME_EXPIRED
        "SL_E_GRACE_TIME_EXPIRED"
        "The grace period has expired; the product notifies its user."
        "Activate the product.";
    0xC004_F00F OUT_OF_TOLERANCE
        "SL_E_OUT_OF_TOLERANCE"
        "The hardware changed beyond the level of tolerance."
        "Activate again during the additional grace period; a client of a host does so by itself.";
    0xC004_F010 INVALID_PKEY
        "SL_E_INVALID_PKEY"
        "The product key is invalid."
        "Type the key again, or install another.";
    0xC004_F012 VALUE_NOT_FOUND
        "SL_E_VALUE_NOT_FOUND"
        "The value asked for was not found."
        "Check the name of the value.";
    0xC004_F013 RIGHT_NOT_GRANTED
        "SL_E_RIGHT_NOT_GRANTED"
        "The licence does not grant the right to run this software."
        "Install a licence that does.";
    0xC004_F014 PKEY_NOT_INSTALLED
        "SL_E_PKEY_NOT_INSTALLED"
        "No product key is installed."
        "Install a product key.";
    0xC004_F015 PRODUCT_SKU_NOT_INSTALLED
        "SL_E_PRODUCT_SKU_NOT_INSTALLED"
        "The product's licence is not installed."
        "Name an installed product, or install its licence.";
    0xC004_F025 LUA_ACCESSDENIED
        "SL_E_LUA_ACCESSDENIED"
        "The action needs administrator rights."
        "Run the command as an administrator.";
    0xC004_F02C CIDIID_INVALID_DATA
        "SL_E_CIDIID_INVALID_DATA"
        "The data for offline activation has a wrong format."
        "Type the confirmation id again.";
    0xC004_F02D CIDIID_INVALID_VERSION
        "SL_E_CIDIID_INVALID_VERSION"
        "The version of the confirmation id is wrong."
        "Ask for a confirmation id with the installation id that is shown now.";
    0xC004_F02E CIDIID_VERSION_NOT_SUPPORTED
        "SL_E_CIDIID_VERSION_NOT_SUPPORTED"
        "The version of the data for offline activation is not supported."
        "Use matching releases of the product and the authority.";
    0xC004_F02F CIDIID_INVALID_DATA_LENGTH
        "SL_E_CIDIID_INVALID_DATA_LENGTH"
        "The data for offline activation has a wrong length."
        "Type every group of digits.";
    0xC004_F030 CIDIID_NOT_DEPOSITED
        "SL_E_CIDIID_NOT_DEPOSITED"
        "The installation or confirmation id could not be saved."
        "Check that the licence state can be written.";
    0xC004_F031 CIDIID_MISMATCHED
        "SL_E_CIDIID_MISMATCHED"
        "The confirmation id does not belong to this installation id."
        "Ask for a confirmation id with the installation id that is shown now.";
    0xC004_F033 PRODUCT_KEY_INSTALLATION_NOT_ALLOWED
        "SL_E_PRODUCT_KEY_INSTALLATION_NOT_ALLOWED"
        "The product key must not be installed for this product."
        "Install a key of a kind that the product takes.";
    0xC004_F035 VL_NOT_WINDOWS_SLP
        "SL_E_VL_NOT_WINDOWS_SLP"
        "The volume key does not fit this computer: it has no qualifying earlier licence."
        "Install a key for a full licence, or license the computer first.";
    0xC004_F038 VL_NOT_ENOUGH_COUNT
        "SL_E_VL_NOT_ENOUGH_COUNT"
        "The count that the host reported is too low to activate this product."
        "More machines must ask this host; its count shows how many have. Of the documented products servers need 5 and clients 25.";
    0xC004_F039 VL_BINDING_SERVICE_NOT_ENABLED
        "SL_E_VL_BINDING_SERVICE_NOT_ENABLED"
        "The activation host did not answer a request."
        "Check the network between and that the host's TCP port is open.";
    0xC004_F041 VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED
        "SL_E_VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED"
        "The activation host is not activated itself."
        "Activate the host: give it a certificate for its host key.";
    0xC004_F042 VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH
        "SL_E_VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH"
        "The activation host cannot activate this product: its host key does not cover the product's key group, or it does not know the product."
        "Use a host whose key covers the product, or install a host key of higher authority.";
    0xC004_F04D CIDIID_INVALID_CHECK_DIGITS
        "SL_E_CIDIID_INVALID_CHECK_DIGITS"
        "The check digits of the confirmation id are wrong."
        "Type the confirmation id again.";
    0xC004_F050 INVALID_PRODUCT_KEY
        "SL_E_INVALID_PRODUCT_KEY"
        "The product key is invalid."
        "Check it for typing errors, and that it belongs to this release.";
    0xC004_F051 BLOCKED_PRODUCT_KEY
        "SL_E_BLOCKED_PRODUCT_KEY"
        "The product key is blocked."
        "Ask for a new key.";
    0xC004_F056 VL_MACHINE_NOT_BOUND
        "SL_E_VL_MACHINE_NOT_BOUND"
        "The product could not be activated by the host."
        "Read the client's events for the reason that the host gave.";
    0xC004_F061 PKEY_INVALID_UPGRADE
        "SL_E_PKEY_INVALID_UPGRADE"
        "The product key is for upgrades only."
        "Install a key for a full licence.";
    0xC004_F064 NONGENUINE_GRACE_TIME_EXPIRED
        "SL_E_NONGENUINE_GRACE_TIME_EXPIRED"
        "The non-genuine grace period has expired."
        "Install a genuine licence and activate.";
    0xC004_F065 NONGENUINE_GRACE_PERIOD
        ""
        "The product runs in its non-genuine grace period."
        "Install a genuine licence and activate before the period ends.";
    0xC004_F069 MISMATCHED_PRODUCT_SKU
        "SL_E_MISMATCHED_PRODUCT_SKU"
        "The product was not found."
        "Name a product of the catalogue.";
    0xC004_F06A OPERATION_NOT_ALLOWED
        "SL_E_OPERATION_NOT_ALLOWED"
        "The operation is not allowed for this product."
        "See which operations the product's policy allows.";
    0xC004_F06B VL_KEY_MANAGEMENT_SERVICE_VM_NOT_SUPPORTED
        "SL_E_VL_KEY_MANAGEMENT_SERVICE_VM_NOT_SUPPORTED"
        "The activation service does not run in a virtual machine."
        "Install the host on another machine.";
    0xC004_F06C VL_INVALID_TIMESTAMP
        "SL_E_VL_INVALID_TIMESTAMP"
        "The clocks of the client and the host are too far apart."
        "Mend the time synchronisation of both. Time zones do not matter: UTC is compared.";
    0xC004_F074 VL_BINDING_SERVICE_UNAVAILABLE
        "SL_E_VL_BINDING_SERVICE_UNAVAILABLE"
        "No activation host could be contacted, or each one answered with an error."
        "Read the event 12288 of each attempt for its own reason.";
    0xC004_F075 SERVICE_STOPPING
        "SL_E_SERVICE_STOPPING"
        "The licensing service is stopping."
        "Try again when it has started.";
    0xC004_F07D INVALID_PRODUCT_KEY_TYPE
        "SL_E_INVALID_PRODUCT_KEY_TYPE"
        "The kind of the product key does not fit the operation."
        "Install a key of the kind that the operation needs.";
    0xC004_F07E CIDIID_MISMATCHED_PKEY
        "SL_E_CIDIID_MISMATCHED_PKEY"
        "The confirmation id belongs to another product key."
        "Ask for a confirmation id with the key that is installed.";
    0xC004_F07F CIDIID_NOT_BOUND
        "SL_E_CIDIID_NOT_BOUND"
        "The confirmation id is not bound to this computer."
        "Ask for a confirmation id with the installation id that is shown now.";
    0xC004_F080 LICENSE_NOT_BOUND
        "SL_E_LICENSE_NOT_BOUND"
        "The licence is not bound to this computer."
        "Activate on this computer.";
    0xC004_F200 NOT_GENUINE
        "SL_E_NOT_GENUINE"
        "The installation is not genuine."
        "Install a genuine licence and activate.";
    0xC004_F210 EDITION_MISMATCHED
        "SL_E_EDITION_MISMATCHED"
        "The licence is for another edition."
        "Install the key of the edition that is installed.";
}
