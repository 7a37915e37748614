"""The description of what clients ask before they begin."""

from c8ybin.api.description.parts import Object, json_answer


def tenant_paths() -> Object:
    """Return the path items."""
    return {
        "/tenant/currentTenant": {
            "get": {
                "summary": "The one tenant",
                "description": "Its name is the same whatever stands before the user's; `domainName` is the host.",
                "responses": {"200": json_answer("Tenant", "currenttenant", "The tenant.")},
            }
        },
        "/tenant/loginOptions": {
            "get": {
                "summary": "How to log in",
                "responses": {
                    "200": json_answer("LoginOptions", "loginoptioncollection", "Basic authentication.")
                },
            }
        },
        "/user/currentUser": {
            "get": {
                "summary": "Whose account the request was made with",
                "responses": {"200": json_answer("User", "currentuser", "The account's name and its roles.")},
            }
        },
    }
